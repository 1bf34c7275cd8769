"""The set-up from a bare Python: every way it is known to fail, told; interrupted anywhere, it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mlprod.errors import CourseError
from mlprod.lab import bootstrap

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = getattr(sys, "_base_executable", sys.executable)
RUN = "import sys, pathlib, mlprod.lab.bootstrap as b; sys.exit(b.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"

# Builds the small course below without setuptools, which a bare environment need not have in the right version.
BACKEND = """
import zipfile
def build_editable(directory, config_settings=None, metadata_directory=None):
    name = "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.writestr("tiny.pth", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1.0"
"""


def wheel(folder: Path, name: str) -> None:
    """A package with one module, called as the package."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", "answer = 42\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A course that pins two packages, which pip finds in its folder wheels/."""
    root = tmp_path / "small"
    root.mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(BACKEND)
    (root / "requirements.lock").write_text("# pinned\nalpha==1.0\nbeta==1.0\n")
    for name in ("alpha", "beta"):
        wheel(root / "wheels", name)
    return root


def command(root: Path) -> list[str]:
    return [PYTHON, "-c", RUN, str(root), "--venv", str(root / ".venv")]


def surroundings(lang: str = "es", **changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels", "PIP_RETRIES": "0"}
    return {**kept, **offline, "PYTHONPATH": str(REPOSITORY / "src"), "LANG_COURSE": lang, **changes}


def run(root: Path, lang: str = "es", **changes: str) -> subprocess.CompletedProcess:
    environment = surroundings(lang, **changes)
    return subprocess.run(command(root), cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def test_it_needs_nothing_but_the_standard_library():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mlprod.lab.bootstrap"
    subprocess.run([PYTHON, "-I", "-S", "-c", code, REPOSITORY / "src"], check=True, timeout=30)


def test_from_nothing_to_ready_then_broken_off_then_ready_again(small: Path):
    first = run(small)
    assert first.returncode == 0, first.stderr
    assert "Preparo el curso: 2 paquetes" in first.stdout and "Entorno listo" in first.stdout
    packages = next((small / ".venv/lib").glob("python3.*/site-packages"))
    assert (packages / "beta.py").is_file()

    again = run(small)
    assert (again.returncode, again.stdout) == (0, ""), "a ready environment is not touched"

    # as after kill -9 in the middle of beta: its metadata there, no RECORD, a file missing, and no stamp
    (small / ".venv" / bootstrap.STAMP).unlink()
    (packages / "beta.py").unlink()
    (packages / "beta-1.0.dist-info/RECORD").unlink()
    resumed = run(small, "en")
    assert resumed.returncode == 0, resumed.stderr
    assert "Environment ready" in resumed.stdout
    assert (packages / "beta.py").is_file()

    # another lock: what is new is installed
    wheel(small / "wheels", "gamma")
    (small / "requirements.lock").write_text("alpha==1.0\nbeta==1.0\ngamma==1.0\n")
    assert run(small).returncode == 0
    assert (packages / "gamma.py").is_file()

    # a folder that was moved has scripts that point nowhere: made anew
    moved = small.with_name("moved")
    small.rename(moved)
    after = run(moved)
    assert after.returncode == 0, after.stderr
    assert "lo rehago" in after.stdout


@pytest.mark.parametrize(
    ("lang", "words"),
    [("es", "Un paquete no existe para este sistema"), ("en", "A package does not exist for this system")],
)
def test_a_package_that_does_not_exist(small: Path, lang: str, words: str):
    (small / "requirements.lock").write_text("alpha==1.0\nnowhere==1.0\n")
    failed = run(small, lang)
    assert failed.returncode == 1
    assert "| ERROR: No matching distribution found for nowhere==1.0" in failed.stderr
    assert words in failed.stderr
    assert "Traceback" not in failed.stderr
    log = small / "build/logs/setup.log"
    assert str(log) in failed.stderr and "nowhere" in log.read_text()
    assert not (small / ".venv" / bootstrap.STAMP).exists()


def test_no_network(small: Path):
    failed = run(small, PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_RETRIES="1", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert failed.returncode == 1
    assert "No se llega al índice de paquetes" in failed.stderr
    assert "Repite la orden" in failed.stderr


def test_ctrl_c_stops_pip_and_says_how_to_go_on(small: Path):
    with socket.socket() as silent:  # an index that accepts and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        environment = surroundings(PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL=index)
        process = subprocess.Popen(
            command(small), cwd=small, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            silent.settimeout(60)
            silent.accept()  # pip is waiting for the answer
            children = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGINT)
            output, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait(10)
    assert process.returncode == 130
    assert "Interrumpido" in output
    assert children and not any(child.is_running() for child in children)
    assert not (small / ".venv" / bootstrap.STAMP).exists()


def test_a_second_set_up_waits_for_the_first(small: Path):
    import fcntl

    (small / "build/logs").mkdir(parents=True)
    with (small / "build/logs/setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [*command(small)], cwd=small, env=surroundings("en"), stdout=subprocess.PIPE, text=True, bufsize=1
        )
        try:
            assert "Another set-up is running" in second.stdout.readline()
            (small / ".venv/bin").mkdir(parents=True)
            (small / ".venv/bin/python").symlink_to(PYTHON)
            stamp = {"digest": bootstrap.digest(small), "venv": str(small / ".venv")}
            (small / ".venv" / bootstrap.STAMP).write_text(json.dumps(stamp))
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(30) == 0, "the first one had finished: nothing is left to do"
        finally:
            second.kill()
            second.wait(10)


@pytest.mark.parametrize(("lang", "words"), [("es", "Hacen falta 4.0 GB"), ("en", "4.0 GB of free disk are needed")])
def test_a_disk_too_small_is_said_before_anything_is_made(small, monkeypatch, capsys, lang, words):
    monkeypatch.setenv("LANG_COURSE", lang)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * 10**9))
    assert bootstrap.main(["--venv", str(small / ".venv")], small) == 1
    assert words in capsys.readouterr().err
    assert not (small / ".venv").exists()


def test_what_is_installed_already_needs_no_room_again(small, monkeypatch):
    (small / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "used_bytes", lambda _: 3 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1.2 * 10**9))
    bootstrap.check_disk(small / ".venv")
    monkeypatch.setattr(bootstrap, "used_bytes", lambda _: 2 * 10**9)
    with pytest.raises(CourseError):
        bootstrap.check_disk(small / ".venv")


def test_a_folder_that_is_no_environment_is_let_be(tmp_path: Path):
    mine = tmp_path / "documents"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(CourseError, match="documents"):
        bootstrap.create_venv(mine)
    assert (mine / "thesis.txt").is_file()


def test_the_probe_of_the_cpu_index_never_takes_long(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(bootstrap, "CPU_WHEELS", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        assert bootstrap.cpu_index() == []
        assert 2 < time.monotonic() - started < 8
    monkeypatch.setattr(sys, "platform", "darwin")
    assert bootstrap.cpu_index() == []
