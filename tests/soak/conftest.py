"""The programs of the end-to-end tests, started many times; and the window's event loop."""

from tests.e2e.conftest import home, start
from tests.ui.conftest import run

__all__ = ["home", "run", "start"]
