"""A provider without a server, and a clock that only sleeping moves."""

import pytest

from tests.fakes.provider import FakeProvider
from tests.unit.policies.asking import Clock


@pytest.fixture
def inner() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def clock() -> Clock:
    return Clock()
