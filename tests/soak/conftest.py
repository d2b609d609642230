"""The programs of the end-to-end tests, started many times."""

from tests.e2e.conftest import home, start

__all__ = ["home", "start"]
