"""The same versions everywhere: pyproject.toml, requirements.lock, environment.yml and what is installed here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlprod.lab import bootstrap, lock, settings, web_runtime

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = dict(
    line.split("==")
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines()
    if "==" in line and line[0] != "#"
)
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
DIRECT = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("line", DIRECT)
def test_each_direct_dependency_is_pinned_within_its_range(line: str):
    wanted = Requirement(line)
    pinned = {canonicalize_name(name): version for name, version in PINS.items()}
    assert canonicalize_name(wanted.name) in pinned, f"run: make lock ({wanted.name} is not in requirements.lock)"
    assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)], prereleases=True)


def test_pins_are_plain_versions_that_any_machine_can_install():
    text = (REPOSITORY / "requirements.lock").read_text()
    assert not re.search(r"@ |file:|https?://|--", text.replace('--upgrade -e ".[dev]"', ""))
    for name, version in PINS.items():
        assert Version(version).local is None, f"{name}=={version}: a local build"
    assert not lock.NOT_OURS & set(PINS)


def test_the_lock_is_what_is_installed_here():
    here = set(lock.freeze())
    pinned = {f"{name}=={version}" for name, version in PINS.items()}
    assert not pinned - here, "run: make lab"
    cuda = re.compile("nvidia-|cuda-|triton")  # what PyPI's torch brings on Linux, where the CPU index was not reached
    assert not {pin for pin in here - pinned if not cuda.match(pin)}, "installed and not pinned; run: make lock"


def test_conda_s_environment_agrees():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    *plain, pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"]
    assert {"python=3.11", "openjdk=17", "make", "pip"} <= set(plain)
    assert pip == {"pip": [f"--extra-index-url {bootstrap.CPU_WHEELS}", "-r requirements.lock"]}
    assert environment["name"] == "mlprod", "the Makefile recognises the environment by this name"
    assert PROJECT["requires-python"] == ">=3.11,<3.12"


def test_one_python_and_one_java_everywhere():
    """conda, the image and the tests' system: the same versions as pyproject.toml asks for."""
    plain = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    dockerfile = (REPOSITORY / "docker/Dockerfile").read_text()
    (python,) = (line.split("=")[1] for line in plain if str(line).startswith("python="))
    (java,) = (line.split("=")[1] for line in plain if str(line).startswith("openjdk="))
    assert f"FROM python:{python}." in dockerfile and f"openjdk-{java}-jre-headless" in dockerfile
    assert Version(f"{python}.0") in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert (
        f"py{python.replace('.', '')}"
        == tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["ruff"]["target-version"]
    )
    torch = next(line for line in DIRECT if line.startswith("torch=="))
    assert torch == f"torch=={PINS['torch']}"


def test_binder_builds_the_same_environment():
    """repo2docker reads .binder/ and nothing else when it is there; paths are relative to its environment.yml."""
    binder = yaml.safe_load((REPOSITORY / ".binder/environment.yml").read_text())
    conda = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    lock = binder["dependencies"][-1]["pip"][-1]
    assert (REPOSITORY / ".binder" / lock.removeprefix("-r ")).resolve() == REPOSITORY / "requirements.lock"
    binder["dependencies"][-1]["pip"][-1] = "-r requirements.lock"
    assert binder == conda
    assert set((REPOSITORY / ".binder/apt.txt").read_text().split()) <= set(
        re.search(r"apt-get install .*", (REPOSITORY / "docker/Dockerfile").read_text())[0].split()
    )
    assert not (REPOSITORY / "binder").exists()


def test_binder_s_last_step(tmp_path):
    """postBuild with a pip that does nothing and an environment of its own: what it leaves is a student's view."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n')
    prefix = f"import sys; sys.prefix = {str(tmp_path)!r}"
    (tmp_path / "bin/python").write_text(f"#!/bin/sh\nexec {sys.executable} -c \"{prefix}; exec('''$2''')\"\n")
    for name in ("pip", "python"):
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "LANG_COURSE": "en"}
    web = tmp_path / web_runtime.PLACE
    if web_runtime.is_complete(web_runtime.folder(), web_runtime.pins() or {"files": {}}):
        shutil.copytree(web_runtime.folder(), web)  # as fetched: this test asks for no network
    else:
        environment["HTTPS_PROXY"] = environment["npm_config_registry"] = "http://127.0.0.1:9"
    command = [REPOSITORY / ".binder/postBuild"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "asked").read_text().split()[-2:] == ["-e", "."]
    page = json.loads((tmp_path / "etc/jupyter/labconfig/page_config.json").read_text())
    assert set(page["disabledExtensions"]) == {settings.NEWS, *settings.HIDDEN_PLUGINS}
    server = json.loads((tmp_path / "etc/jupyter/jupyter_server_config.d/zz-mlprod.json").read_text())
    assert not any(server["ServerApp"]["jpserver_extensions"].values())
    assert "solutions" in server["ContentsManager"]["hide_globs"]


def test_vs_code_opens_the_notebooks_with_the_course_s_python():
    def read(name: str) -> dict:
        return json.loads(re.sub(r"^\s*//.*$", "", (REPOSITORY / name).read_text(), flags=re.MULTILINE))

    container = read(".devcontainer/devcontainer.json")["customizations"]["vscode"]
    assert read(".vscode/extensions.json")["recommendations"] == container["extensions"]
    python = read(".vscode/settings.json")["python.defaultInterpreterPath"]
    assert python == "${workspaceFolder}/.venv/bin/python"
    for notebook in (REPOSITORY / "lessons").glob("*/*.ipynb"):
        assert json.loads(notebook.read_text())["metadata"]["kernelspec"]["name"] == "python3"


def test_licences_are_here():
    for name in PROJECT["license-files"]:
        assert (REPOSITORY / name).is_file()
    assert "MIT License" in (REPOSITORY / "LICENSE").read_text()
    assert "Attribution-ShareAlike 4.0 International" in (REPOSITORY / "LICENSE-text").read_text()
