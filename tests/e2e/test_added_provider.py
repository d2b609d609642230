"""The promise to those who write providers: install a package of 30 lines, and use it."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.paths import find
from app.settings import ProviderSettings, SettingsFile
from tests.e2e.program import ROOT

EXAMPLE = ROOT / "tests" / "examples" / "hearth_echo"


def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the example, installed by pip as anybody would."""
    folder = tmp_path / "installed"
    # Where the build system is at hand, the network is not needed.
    offline = ["--no-build-isolation"] if find_spec("hatchling") else []
    options = ["--quiet", "--no-deps", *offline, "--target", folder]
    done = run("pip", "install", *options, EXAMPLE, PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert done.returncode == 0, done.stderr
    return folder


def test_an_installed_package_adds_a_provider(home: Path, package: Path) -> None:
    file = SettingsFile(find(str(home)).settings)
    file.settings.providers.put(ProviderSettings(name="echo", kind="echo"))
    file.save()
    ask = ("app", "ask", "--model", "echo:any", "Hello, parrot!", "--home", home)

    done = run(*ask, PYTHONPATH=str(package))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, parrot!", "")

    without = run(*ask)
    assert (without.returncode, without.stdout) == (2, "")
    assert "no provider of the kind “echo”" in without.stderr


def test_the_example_is_as_short_as_promised() -> None:
    lines = (EXAMPLE / "hearth_echo" / "__init__.py").read_text().splitlines()
    assert sum(1 for line in lines if line.strip()) <= 30
