"""A fresh PostgreSQL database, embedded or on a server; nothing of it stays."""

import os
import subprocess

import psycopg
import pytest

from mlprod.errors import CourseError
from mlprod.systems import postgres, postgres_host, processes
from mlprod.systems.workspace import workspace


@pytest.fixture(scope="module")
def server():
    """An embedded server, which other tests use as if it were somebody else's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        with postgres.database() as db:
            yield db


def names(server: postgres.Database, query: str) -> set[str]:
    with server.connect() as connection:
        return {name for (name,) in connection.execute(query)}


def test_the_embedded_database_works_from_children_and_sqlalchemy(server):
    import sqlalchemy

    def count():
        with server.connect() as connection:
            return connection.execute("SELECT count(*) FROM rides").fetchone()[0]

    assert server.embedded and server.suffix == ""
    with server.connect() as connection:
        connection.execute("CREATE TABLE rides (zone int)")
        connection.execute("INSERT INTO rides VALUES (1), (2)")
    assert processes.start(count).result() == 2
    engine = sqlalchemy.create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT sum(zone) FROM rides")).scalar() == 3
    engine.dispose()


def test_commits_are_durable_and_nothing_listens_on_the_network(server):
    with server.connect() as connection:
        settings = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
    assert settings["fsync"] == "on" and settings["synchronous_commit"] == "on"
    assert settings["listen_addresses"] == ""


def test_another_role_sees_only_what_it_is_granted(server):
    with server.connect() as connection:
        connection.execute("CREATE TABLE fares (euros int)")
        connection.execute("CREATE ROLE stranger LOGIN")
    with (
        psycopg.connect(server.url_as("stranger")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM fares")


def test_the_folder_goes_with_the_server(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    before = set(workspace().iterdir())
    with postgres.database() as db:
        left_open = db.connect()
        assert set(workspace().iterdir()) - before
    assert set(workspace().iterdir()) == before
    left_open.close()


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_on_a_server_database_and_roles_are_temporary(server, monkeypatch, driver):
    monkeypatch.setenv("DATABASE_URL", server.url.replace("postgresql", driver, 1))
    with postgres.database() as db:
        assert not db.embedded and db.suffix
        with db.connect() as connection:
            name = connection.execute("SELECT current_database()").fetchone()[0]
            connection.execute(f"CREATE ROLE drivers{db.suffix} LOGIN PASSWORD 'x'")
            connection.execute("CREATE TABLE rides (zone int)")
            connection.execute(f"GRANT SELECT ON rides TO drivers{db.suffix}")
        assert name in names(server, "SELECT datname FROM pg_database")
        with psycopg.connect(db.url_as(f"drivers{db.suffix}", "x")) as other:
            assert other.execute("SELECT count(*) FROM rides").fetchone() == (0,)
        left_open = db.connect()
    left_open.close()
    assert name not in names(server, "SELECT datname FROM pg_database")
    assert f"drivers{db.suffix}" not in names(server, "SELECT rolname FROM pg_roles")


def test_a_server_that_does_not_answer_or_allow_is_reported(server, monkeypatch, reader):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(CourseError, match="DATABASE_URL"):
        postgres.database()
    with server.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
    monkeypatch.setenv("DATABASE_URL", server.url_as("guest"))
    with pytest.raises(CourseError, match="CREATEDB"):
        postgres.database()


def test_programs_out_of_reach_are_copied_with_their_libraries(tmp_path, monkeypatch):
    """As root, PostgreSQL runs as another account, which cannot enter an environment under /root."""

    def refuse(*_, **__):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(postgres_host.subprocess, "run", refuse)
        programs = postgres_host._programs(tmp_path, {})
    assert programs.is_relative_to(tmp_path)
    assert subprocess.run([programs / "postgres", "--version"], capture_output=True).returncode == 0


@pytest.mark.postgres
@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="DATABASE_URL names no real server")
def test_on_the_server_of_the_environment():
    with postgres.database() as db, db.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
