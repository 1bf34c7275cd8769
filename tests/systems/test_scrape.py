"""Prometheus finds the services that have metrics, while they live, and only where it is asked for."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mlprod.systems import processes, scrape, services


def serve(path, ready, stopping):
    from fastapi import FastAPI, Response

    app = FastAPI()
    app.get(path)(lambda: Response("answers_total 1\n", media_type="text/plain; version=0.0.4"))
    services.serve_http(app, ready, stopping)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(scrape.VARIABLE, str(tmp_path / "targets"))
    return tmp_path / "targets"


def targets(folder: Path) -> list:
    return [group for file in sorted(folder.glob("*")) for group in json.loads(file.read_text())]


def test_a_service_is_there_while_it_runs(folder):
    with processes.start(serve, "/metrics", name="online-v1") as service:
        (group,) = targets(folder)
        assert group["labels"] == {"service": "online-v1"}
        with services.http_client(f"http://{group['targets'][0]}") as client:
            assert "answers_total 1" in client.get("/metrics").text
        assert service.address == f"http://{group['targets'][0]}"
    assert targets(folder) == []


def test_what_was_killed_is_forgotten_when_another_starts(folder):
    with processes.start(serve, "/metrics", name="first") as first:
        os.kill(first.pid, 9)
        deadline = time.monotonic() + 10
        while first.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [group["labels"]["service"] for group in targets(folder)] == ["first"]
        with processes.start(serve, "/metrics", name="second"):
            assert [group["labels"]["service"] for group in targets(folder)] == ["second"]


def test_services_without_metrics_leave_nothing(folder):
    with processes.start(serve, "/price"):
        assert not folder.exists()


def test_nothing_is_written_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv(scrape.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    with processes.start(serve, "/metrics"):
        assert list(tmp_path.iterdir()) == []
