"""A fresh PostgreSQL database for a lesson: on a server started from pip, or on the one that DATABASE_URL names.

with postgres.database() as db:
    with db.connect() as connection:
        connection.execute("CREATE TABLE rides (...)")
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import postgres_host, processes
from mlprod.systems.workspace import workspace

if TYPE_CHECKING:
    import psycopg


class Database:
    """A database of this notebook's own; a context manager. It can travel to child processes."""

    url: str
    """libpq URL (`postgresql://…`); for SQLAlchemy, replace `postgresql:` by `postgresql+psycopg:`."""
    embedded: bool
    """Whether the server was started here, and is not DATABASE_URL's."""
    suffix: str
    """To end the names of roles with: empty on the embedded server; unique on a shared one, and dropped at the end."""

    def __init__(self) -> None:
        server = os.environ.get("DATABASE_URL", "")
        run = secrets.token_hex(3)
        self.embedded = not server
        self.suffix = "" if self.embedded else f"_{run}"
        self._host: processes.Process | None
        if self.embedded:
            folder = str(workspace() / f"pg-{run}")
            self._host = processes.start(postgres_host.embedded, folder, name="postgres", ready_timeout=60)
            self.url = self._host.address
        else:
            server = _libpq(server)
            _expect_answer(server)
            name = f"mlprod{self.suffix}"
            self._host = processes.start(postgres_host.real, server, name, self.suffix, name="postgres")
            self.url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))

    def connect(self, **options: Any) -> psycopg.Connection:
        """psycopg.connect to this database, with a time limit of 10 s; `options` as there (`autocommit=True`)."""
        import psycopg

        return psycopg.connect(self.url, **({"connect_timeout": 10} | options))

    def url_as(self, role: str, password: str = "") -> str:
        """The URL of this database for another role. The embedded server asks for no password."""
        parts = urlsplit(self.url)
        login = quote(role, safe="") + (f":{quote(password, safe='')}" if password else "")
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))

    def close(self) -> None:
        """Stop the embedded server; or drop the database, and the roles named with `suffix`, on the real one."""
        if self._host is not None:
            self._host.stop(timeout=10)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_host": None}

    def __repr__(self) -> str:
        return f"<Database {'embedded' if self.embedded else 'on DATABASE_URL'}>"


def database() -> Database:
    """Start PostgreSQL and create an empty database; or create one on the server that DATABASE_URL names.

    Raises CourseError when DATABASE_URL does not answer or does not let its user create databases.
    """
    return Database()


def _libpq(url: str) -> str:
    """`url` without the driver that SQLAlchemy's URLs may carry."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.split('+')[0]}{separator}{rest}"


def _expect_answer(server: str) -> None:
    import psycopg

    try:
        with psycopg.connect(server, connect_timeout=10) as connection:
            allowed = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.OperationalError as error:
        raise CourseError(
            tr(
                es=f"El PostgreSQL de DATABASE_URL no responde ({error}). "
                "Arráncalo, o quita la variable para usar el embebido.",
                en=f"The PostgreSQL of DATABASE_URL does not answer ({error}). "
                "Start it, or unset the variable to use the embedded one.",
            )
        ) from None
    if not (allowed and allowed[0]):
        raise CourseError(
            tr(
                es="El usuario de DATABASE_URL no puede crear bases de datos: dale CREATEDB, o quita la variable.",
                en="The user of DATABASE_URL may not create databases: give it CREATEDB, or unset the variable.",
            )
        )
