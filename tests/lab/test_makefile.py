"""make on machines unlike this one (no Python, the wrong one, one given by hand), and what .ci/run promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = getattr(sys, "_base_executable", sys.executable)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with all that make needs, and no Python: to be the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "sh", "echo", "env"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def make(tools: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [tools / "make", "-C", REPOSITORY, f"VENV={tools.parent / 'venv'}", *arguments]
    environment = {"PATH": str(tools), "HOME": os.environ.get("HOME", "/"), "LANG_COURSE": "es"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_help_is_the_default_and_bilingual(tools):
    shown = make(tools)
    assert shown.returncode == 0
    for words in ("make lab", "make test", "make doctor", "abre el curso", "opens the course"):
        assert words in shown.stdout


def test_no_python_at_all(tools):
    failed = make(tools, "lab")
    assert failed.returncode != 0
    assert "Hace falta Python 3.11" in failed.stderr and "Python 3.11 is needed" in failed.stderr
    assert "PYTHON=" in failed.stderr


def test_only_python_3_10(tools):
    for name in ("python3.11", "python3", "python"):
        script(tools / name, '[ "$1" = --version ] && echo Python 3.10.12; exit 1')
    failed = make(tools, "test")
    assert failed.returncode != 0
    assert "Python 3.11 is needed" in failed.stderr


def test_any_of_the_names_may_be_3_11(tools):
    script(tools / "python3.11", "echo 'pyenv: python3.11: command not found' >&2; exit 127")
    (tools / "python").symlink_to(PYTHON)
    shown = make(tools, "-n", "lab")
    assert shown.returncode == 0
    assert '"python" -m mlprod.lab.bootstrap' in shown.stdout


def test_python_given_by_hand_wins_and_is_checked(tools):
    shown = make(tools, "-n", "lab", f"PYTHON={PYTHON}")
    assert f'"{PYTHON}" -m mlprod.lab.bootstrap' in shown.stdout
    failed = make(tools, "lab", f"PYTHON={script(tools / 'python3.10', 'exit 1')}")
    assert failed.returncode != 0 and "Python 3.11 is needed" in failed.stderr


def test_options_reach_the_command(tools):
    (tools / "python3.11").symlink_to(PYTHON)
    assert "lab --port 9001 --no-browser" in make(tools, "-n", "lab", "PORT=9001", "BROWSER=no").stdout
    assert "lab --teach" in make(tools, "-n", "teach").stdout
    assert "run 01_data_passing" in make(tools, "-n", "run", "UNIT=01_data_passing").stdout
    assert "grade 00_welcome" in make(tools, "-n", "grade", "ASSIGNMENT=00_welcome").stdout


def test_conda_s_environment_is_used_as_it_is(tools, tmp_path):
    environment = {"PATH": str(tools), "CONDA_DEFAULT_ENV": "mlprod", "CONDA_PREFIX": str(tmp_path / "conda")}
    (tmp_path / "conda/bin").mkdir(parents=True)
    (tmp_path / "conda/bin/python").symlink_to(PYTHON)
    command = [tools / "make", "-C", REPOSITORY, "-n", "lab"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert f'--venv "{tmp_path}/conda"' in shown.stdout


def test_ci_is_sound_bash_that_ends_in_make_test():
    script = REPOSITORY / ".ci/run"
    subprocess.run(["bash", "-n", script], check=True, timeout=20)
    text = script.read_text()
    assert os.access(script, os.X_OK)
    assert text.rstrip().splitlines()[-1].startswith("make test")
    assert "set -euo pipefail" in text and "trap clean_up EXIT" in text
    assert {"DATABASE_URL", "AMQP_URL"} <= set(re.findall(r"export (\w+)=", text))
    assert "0.0.0.0" not in text
