"""Which archive of Spark's classes a Java gets; Spark starts without one too (test_spark)."""

from dataclasses import replace

import pytest

from mlprod.systems import java, spark_archive


@pytest.fixture
def a_java(tmp_path):
    program = tmp_path / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.touch()
    base = tmp_path / "jdk" / "lib" / "server" / "classes.jsa"
    base.parent.mkdir(parents=True)
    base.touch()
    return java.Java(program, 17, "PATH", True)


def test_without_a_base_archive_there_is_none(a_java):
    assert spark_archive.path(a_java) is not None
    (a_java.program.parents[1] / "lib" / "server" / "classes.jsa").unlink()
    assert spark_archive.path(a_java) is None and spark_archive.options(a_java) == ""


def test_another_java_has_another_archive(a_java):
    assert spark_archive.path(a_java) == spark_archive.path(a_java)
    assert spark_archive.path(a_java) != spark_archive.path(replace(a_java, version=21))


def test_it_is_used_when_it_is_there_and_not_switched_off(a_java, tmp_path, monkeypatch):
    monkeypatch.delenv(spark_archive.OFF, raising=False)
    monkeypatch.setattr(spark_archive.sys, "prefix", str(tmp_path))
    assert spark_archive.options(a_java) == ""
    archive = spark_archive.path(a_java)
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert f"-XX:SharedArchiveFile={archive}" in spark_archive.options(a_java).split()
    monkeypatch.setenv(spark_archive.OFF, "0")
    assert spark_archive.options(a_java) == ""


def test_making_it_failed(a_java, tmp_path, monkeypatch):
    monkeypatch.setattr(spark_archive.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(spark_archive, "find", lambda: a_java)
    monkeypatch.setattr(spark_archive.sys, "executable", "/bin/false")
    assert spark_archive.make() is None
    assert not list((tmp_path / "share").rglob("*.jsa"))
