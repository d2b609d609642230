"""The core works in an interpreter without Qt: it is imported there, and passes its tests."""

import os
import subprocess
import sys

from tests.e2e.program import ROOT

# One suite for each part of the core that works with others.
CORE = ("chats", "conversation", "engine", "manager", "manager_loads", "registry", "runner")
WITH_QT = ("app.ui", "app.main", "app.event_loop", "app.llm.runner.thread")
EXTRA = ("app.llm.providers.huggingface",)  # its packages need not be here
IMPORTS = f"""
import importlib, pkgutil
import tests.conftest  # which hides Qt
import app

left_out = {WITH_QT + EXTRA!r}
names = [module.name for module in pkgutil.walk_packages(app.__path__, "app.", onerror=print)
         if not module.name.startswith(left_out) and not module.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def in_an_interpreter_without_qt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "HEARTH_TEST_WITHOUT_QT": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_every_module_of_the_core_is_imported_without_qt() -> None:
    done = in_an_interpreter_without_qt("-c", IMPORTS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 150


def test_the_core_passes_its_tests_without_qt() -> None:
    files = [f"tests/adapters/test_{name}.py" for name in CORE]
    how = ("-m", "pytest", "-p", "no:pytest-qt", "-q", "-n", "auto")
    done = in_an_interpreter_without_qt(*how, *files)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
