"""The core's own tests, in an interpreter that has no Qt."""

import os
import subprocess
import sys

from tests.e2e.program import ROOT

# One suite for each part of the core; the providers' many dialects are imported by the manager's.
CORE = (
    "chats",
    "cli",
    "conversation",
    "discovery",
    "discovery_addresses",
    "engine",
    "manager",
    "model_list",
    "registry",
    "runner",
)


def test_the_core_passes_its_tests_without_qt() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:pytest-qt",
            "-q",
            "tests/unit",
            *(f"tests/adapters/test_{name}.py" for name in CORE),
        ],
        cwd=ROOT,
        env={**os.environ, "HEARTH_TEST_WITHOUT_QT": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
