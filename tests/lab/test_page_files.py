"""reveal.js, mermaid, MathJax and axe-core: pinned byte for byte, fetched once, missed with a word on what to do."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from mlprod.errors import CourseError
from mlprod.lab import npm_files, page_files


@pytest.fixture
def venv(tmp_path: Path, monkeypatch) -> Path:
    """An empty environment, the one that runs this as far as page_files knows."""
    place = tmp_path / "venv"
    place.mkdir()
    monkeypatch.setattr(sys, "prefix", str(place))
    return place


def npm(tmp_path: Path, monkeypatch, content: bytes, pinned: bytes) -> None:
    """A PATH whose npm packs package/dist/a.js with `content`, and pins for `pinned`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = tmp_path / "a.js"
    file.write_bytes(content)
    with tarfile.open(tmp_path / "p.tgz", "w:gz") as packed:
        packed.add(file, "package/dist/a.js")
    (folder / "npm").write_text(f"#!/bin/sh\ncp {tmp_path / 'p.tgz'} .\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")
    files = {"dist/a.js": hashlib.sha256(pinned).hexdigest()}
    pins = {"npm_carrier": "carrier==1", "packages": [{"package": "a", "version": "1.0", "files": files}]}
    monkeypatch.setattr(page_files, "pins", lambda: pins)


def test_they_are_fetched_once_and_found(venv, tmp_path, monkeypatch, capsys):
    npm(tmp_path, monkeypatch, b"1", b"1")
    with pytest.raises(CourseError, match="make slides"):
        page_files.need("a.js")
    assert page_files.ensure(tmp_path) and page_files.is_complete()
    assert [path.read_bytes() for path in page_files.need("a.js")] == [b"1"]
    assert "a" in capsys.readouterr().out
    monkeypatch.setenv("PATH", "")
    assert page_files.ensure(tmp_path)
    assert capsys.readouterr().out == "", "nobody is asked again"
    assert [path.name for path in venv.iterdir()] == ["share"]


def test_another_file_is_refused(venv, tmp_path, monkeypatch, capsys):
    npm(tmp_path, monkeypatch, b"evil", b"1")
    assert not page_files.ensure(tmp_path)
    assert hashlib.sha256(b"evil").hexdigest() in capsys.readouterr().err
    assert not page_files.folder().exists()


def test_every_file_is_pinned_and_no_registry_is_named():
    pinned = page_files.pins()
    digests = [digest for package in pinned["packages"] for digest in package["files"].values()]
    assert len(digests) == 7 and all(len(digest) == 64 for digest in digests)
    names = [Path(name).name for package in pinned["packages"] for name in package["files"]]
    assert len(set(names)) == len(names), "they lie in one folder"
    assert all(package["licence"] for package in pinned["packages"])
    source = Path(page_files.__file__).read_text() + Path(npm_files.__file__).read_text() + json.dumps(pinned)
    assert "://" not in source
