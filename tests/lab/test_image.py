"""The image without an engine: its steps, in their order, in a plain folder of this machine.

What is copied, the start command and the health check are executed each time; the installation, which takes minutes and
some GB, only when asked for: MLPROD_IMAGE=yes pytest tests/lab/test_image.py.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlprod.lab import landing
from tests.children import end

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = REPOSITORY / "docker"
TEXT = re.sub(r"\\\n", " ", (DOCKER / "Dockerfile").read_text())
STEPS = [tuple(line.split(maxsplit=1)) for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]


def steps(name: str) -> list[str]:
    return [rest for instruction, rest in STEPS if instruction == name]


def ignored(folder: str, names: list[str]) -> set[str]:
    """For copytree: what Dockerfile.dockerignore leaves out. Its patterns are from the top; `**/` is any folder."""
    patterns = (DOCKER / "Dockerfile.dockerignore").read_text().split()
    here = Path(folder).relative_to(REPOSITORY)
    out = set()
    for name in names:
        path = (here / name).as_posix()
        if any(
            fnmatch.fnmatch(name, pattern.removeprefix("**/"))
            if pattern.startswith("**/")
            else fnmatch.fnmatch(path, pattern)
            for pattern in patterns
        ):
            out.add(name)
    return out


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """The image's /course, as `COPY . .` leaves it."""
    assert steps("COPY")[-1].endswith(". .") and steps("WORKDIR") == ["/course"]
    course = tmp_path_factory.mktemp("image") / "course"
    shutil.copytree(REPOSITORY, course, ignore=ignored, symlinks=True)
    return course


def test_the_course_is_in_it_and_nothing_of_anybody_s(copied):
    for name in ("lessons/es/00_welcome.ipynb", "exercises/en/00_welcome/00_welcome.ipynb", "src/mlprod", "datasets"):
        assert (copied / name).exists()
    for name in (".git", ".venv", "build", "grading/submitted", "grading/gradebook.db", landing.page("es")):
        assert not (copied / name).exists()
    assert not list(copied.rglob("__pycache__"))


def test_the_installed_packages_fit_together():
    """As after its `pip install -r`: the lock leaves nothing missing and nothing in conflict."""
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120)
    assert checked.returncode == 0, checked.stdout


def test_debian_has_the_packages_of_the_first_step():
    names = re.search(r"apt-get install --yes --no-install-recommends ([^&]*)", steps("RUN")[0])[1].split()
    if shutil.which("apt-cache") is None:
        pytest.skip("not on Debian")
    known = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, timeout=60).stdout.split()
    if "git" not in known:
        pytest.skip("the lists of packages are not here: apt-get update")
    assert not set(names) - set(known)


def test_it_starts_and_its_health_check_passes(copied, free_port):
    """CMD and HEALTHCHECK as they are written, but for the port and the address, which is this machine's loopback."""
    start = json.loads(steps("CMD")[0])
    check = json.loads(re.search(r"CMD (\[.*\])", steps("HEALTHCHECK")[0])[1])
    variables = dict(re.findall(r"(\w+)=(\S+)", steps("ENV")[0]))
    assert variables["VENV"] == "/opt/mlprod" and variables["PATH"].startswith("/opt/mlprod/bin:")
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLPROD", "LANG_COURSE", "JUPYTER"))
        },
        **{"PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "LANG": variables["LANG"]},
        "MLPROD_LAB_ADDRESS": "127.0.0.1",
    }
    here = [part.replace("8888", str(free_port)) for part in check]
    process = subprocess.Popen(
        [part.replace("8888", str(free_port)) for part in start],
        cwd=copied,
        env=environment | {"MLPROD_ROOT": str(copied)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while subprocess.run(here, cwd=copied, env=environment, capture_output=True, timeout=60).returncode != 0:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline, "it is not healthy"
            time.sleep(0.5)
    finally:
        end(process, signal.SIGTERM)  # what `docker stop` sends
        process.stdout.close()
    assert (copied / landing.page("es")).is_file()
    assert subprocess.run(here, cwd=copied, env=environment, capture_output=True, timeout=60).returncode != 0


@pytest.mark.skipif("MLPROD_IMAGE" not in os.environ, reason="minutes and some GB; asked for with MLPROD_IMAGE=yes")
@pytest.mark.timeout(3600)
def test_its_installation(copied, tmp_path):
    """Every RUN but the system's packages and Spark's connector, which want root and Maven Central."""
    environment = {"PATH": f"{Path(sys._base_executable).parent}:{os.defpath}", "HOME": str(tmp_path)}
    environment |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTPS_", "SSL_"))}
    for command in [step for step in steps("RUN") if "/opt/mlprod/bin/pip" in step]:
        here = command.replace("/opt/mlprod", f"{tmp_path}/mlprod").replace(
            "/tmp/requirements.lock", "requirements.lock"
        )
        here = here.replace("&& chown student:student /course", "").replace(
            "python -m venv", f"{sys._base_executable} -m venv"
        )
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", here], cwd=copied, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    doctor = [tmp_path / "mlprod/bin/mlprod", "doctor", "--json"]
    shown = subprocess.run(doctor, cwd=copied, env=environment, capture_output=True, text=True, timeout=120)
    found = {finding["name"]: finding["state"] for finding in json.loads(shown.stdout)["findings"]}
    assert shown.returncode == 0 and found["Python"] == "ok", shown.stdout
