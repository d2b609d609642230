"""A trap of the binding that this version was chosen to avoid."""

import sys

from PySide6.QtCore import QObject

CALLS = 20_000


def test_a_call_without_a_result_keeps_none_alive() -> None:
    """PySide6 6.12.0 on Python 3.11 drops a reference to None with each, and aborts at last."""
    subject = QObject()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        subject.setObjectName("x")
    assert sys.getrefcount(None) - before > -CALLS // 10
