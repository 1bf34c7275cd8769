"""The same versions everywhere: pyproject.toml, requirements.lock, environment.yml and what is installed here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlprod.lab import lock

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
    assert {"python=3.11", "openjdk=17", "make", "pip"} <= set(plain)
    assert pip == {"pip": ["-r requirements.lock"]}
    assert environment["name"] == "mlprod", "the Makefile recognises the environment by this name"
    assert PROJECT["requires-python"] == ">=3.11,<3.12"


def test_licences_are_here():
    for name in PROJECT["license-files"]:
        assert (REPOSITORY / name).is_file()
    assert "MIT License" in (REPOSITORY / "LICENSE").read_text()
    assert "Attribution-ShareAlike 4.0 International" in (REPOSITORY / "LICENSE-text").read_text()
