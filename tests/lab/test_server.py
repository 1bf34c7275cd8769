"""JupyterLab as `make lab` opens it: address, language, what a student does not see, errors, no trace left."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from mlprod.errors import CourseError
from mlprod.lab import ports, server, settings
from mlprod.lab.notebooks import make_missing, missing


@pytest.fixture
def taken_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def get(lab, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {lab.token}"}
    return httpx.get(f"{lab.base}{path}", headers=headers, timeout=20, follow_redirects=True)


def test_a_student_opens_the_course_in_spanish(course_copy: Path, running_lab, free_port):
    with running_lab(course_copy, "es", "--port", str(free_port)) as lab:
        assert lab.base.startswith("http://127.0.0.1:")
        assert "/lab/tree/course_es.md" in lab.url
        assert "Abre esta dirección" in lab.text
        listening = {c.laddr.ip for c in psutil.Process(lab.process.pid).net_connections() if c.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        locale = get(lab, "/lab/api/settings/@jupyterlab/translation-extension:plugin").json()
        assert locale["schema"]["properties"]["locale"]["default"] == "es_ES"
        assert get(lab, "/lab/api/translations/es_ES").json()["data"], "the Spanish language pack is not installed"
        page = get(lab, "/lab").text
        for plugin in (*settings.HIDDEN_PLUGINS, settings.NEWS):
            assert plugin in page.split('"disabledExtensions"')[1].split("]")[0]
        assert get(lab, "/formgrader").status_code == 404
        assert get(lab, "/nbgrader_version?version=0.9.6").status_code == 200, "Validate's server part is missing"
        names = {entry["name"] for entry in get(lab, "/api/contents").json()["content"]}
        assert {"lessons", "exercises"} <= names
        assert names.isdisjoint({"solutions", "grading", "build"})
    assert lab.process.returncode == 0
    assert "Curso cerrado." in lab.text
    assert not list((course_copy / "build/lab/runtime").glob("jpserver-*"))


def test_an_instructor_has_nbgraders_tools_in_english(course_copy: Path, running_lab, free_port):
    with running_lab(course_copy, "en", "--teach", "--port", str(free_port)) as lab:
        assert "Open this address" in lab.text
        assert f"/lab/tree/grading/README.md?token={lab.token}" in lab.url, "a query of its own would hide the token"
        assert get(lab, "/formgrader").status_code == 200
        page = get(lab, "/lab").text
        assert "@jupyter/nbgrader:formgrader" not in page.split('"disabledExtensions"')[1].split("]")[0]
        names = {entry["name"] for entry in get(lab, "/api/contents").json()["content"]}
        assert "grading" in names


def test_a_taken_port_is_replaced_and_said(monkeypatch, taken_port, capsys):
    monkeypatch.setattr(server, "DEFAULT_PORT", taken_port)
    monkeypatch.setenv("LANG_COURSE", "es")
    chosen = server.choose_port(None, "127.0.0.1")
    assert chosen != taken_port and ports.is_free(chosen)
    assert re.search(rf"puerto {taken_port} está ocupado por .*: uso el {chosen}", capsys.readouterr().out)


@pytest.mark.parametrize(("lang", "words"), [("es", "está ocupado por"), ("en", "is taken by")])
def test_a_port_that_was_asked_for_is_not_replaced(course_copy, running_lab, taken_port, lang, words):
    with running_lab(course_copy, lang, "--port", str(taken_port)) as lab:
        lab.process.wait(20)
    assert lab.process.returncode == 1
    assert words in lab.text and f"PORT={taken_port + 1}" in lab.text
    assert "Traceback" not in lab.text


def test_the_port_s_owner_is_named(taken_port):
    process = psutil.Process()
    assert ports.owner(taken_port) == f"{process.name()} ({process.pid})"


def test_jupyter_that_does_not_start_shows_its_log(course_copy, monkeypatch, free_port):
    from jupyterlab.labapp import LabApp

    def fail(**_):
        os.write(2, b"no such trait: tpyo\n")
        raise SystemExit(1)

    monkeypatch.setattr(LabApp, "initialize_server", fail)
    monkeypatch.setattr(server, "environment", lambda root: None)
    monkeypatch.setenv("MLPROD_ROOT", str(course_copy))
    monkeypatch.setenv("LANG_COURSE", "en")
    with pytest.raises(CourseError, match=r"(?s)no such trait: tpyo.*did not start.*lab\.log"):
        server.serve(port=free_port, browser=False)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ":0", "BROWSER": "no"}, False),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "1 2 3 4"}, False),
        ({"WSL_DISTRO_NAME": "Debian"}, True),
    ],
)
def test_a_browser_is_opened_only_where_it_would_be_seen(monkeypatch, environment, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(server.sys, "platform", "linux")
    assert server.has_display() is expected


def test_opening_never_overwrites_a_student_s_notebook(tmp_path, monkeypatch):
    (tmp_path / "lessons/es").mkdir(parents=True)
    (tmp_path / "glossary.yml").write_text("{}")
    source = tmp_path / "lessons/00_hello.py"
    source.write_text(
        '# ---\n# title: {es: "Hola", en: "Hello"}\n# minutes: 5\n# unit: "00"\n# ---\n'
        '# %% [markdown] lang="es"\n# # Hola\n# %% [markdown] lang="en"\n# # Hello\n# %%\n1 + 1\n'
    )
    mine = tmp_path / "lessons/es/00_hello.ipynb"
    mine.write_text("my work")
    assert [path.parent.name for path in make_missing(tmp_path)] == ["en"]
    assert mine.read_text() == "my work"
    assert not missing(tmp_path)


def test_course_error_when_no_port_is_free(monkeypatch):
    monkeypatch.setattr(ports, "is_free", lambda *_: False)
    with pytest.raises(CourseError, match="8888"):
        server.choose_port(None, "127.0.0.1")
