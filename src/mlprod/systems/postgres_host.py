"""The process behind `postgres.database()`: runs the embedded server, or looks after a database on a real one.

Being a process of its own, it also cleans when the notebook is killed: it stops its server, or drops its database.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.workspace import workspace

DATABASE = "course"
_UNPRIVILEGED = ("postgres", "nobody")
_START_SECONDS = 30.0
_STOP_SECONDS = 2.0


def embedded(folder: str, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """Run in a child process: a server in `folder`, reachable by a Unix socket there, until stopped.

    Calls `ready` with the URL of its database. Durability is PostgreSQL's own (fsync on), for lessons measure it; only
    the files that initdb writes are not synced.
    """
    home = Path(folder)
    home.mkdir(mode=0o700)
    data = home / "data"
    identity = _identity(home)
    programs = _programs(home, identity)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        + ["--no-sync", "--no-instructions"],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
        timeout=_START_SECONDS,
        **identity,
    )
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": home,
        "dynamic_shared_memory_type": "mmap",  # in its folder: in /dev/shm a killed server would leave it behind
        "shared_buffers": "32MB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen([programs / "postgres", "-D", data, *options], cwd="/", **identity)
    try:
        _wait_until_ready(server, data / "postmaster.pid")
        _create_database(f"postgresql://postgres@/postgres?host={home}", DATABASE)
        ready(f"postgresql://postgres@/{DATABASE}?host={home}")
        while not stopping.wait(0.2):
            if server.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with code {server.returncode}")
    finally:
        _stop(server)
        shutil.rmtree(home, ignore_errors=True)


def real(server: str, database: str, suffix: str, ready: Callable[[], None], stopping: threading.Event) -> None:
    """Run in a child process: a new `database` on the server of URL `server`, dropped when stopped.

    Also dropped: the roles whose names end in `suffix`.
    """
    import psycopg

    _create_database(server, database)
    try:
        ready()
        stopping.wait()
    finally:
        with psycopg.connect(server, autocommit=True, connect_timeout=2) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            roles = admin.execute("SELECT rolname FROM pg_roles WHERE right(rolname, %s) = %s", (len(suffix), suffix))
            for (role,) in roles.fetchall():
                admin.execute(f'DROP ROLE IF EXISTS "{role}"')


def _create_database(server: str, name: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True, connect_timeout=10) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')


def _identity(home: Path) -> dict:
    """Arguments of Popen for an account that may run PostgreSQL, which refuses root; it becomes the owner of `home`."""
    if os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    try:
        account = next(known[name] for name in _UNPRIVILEGED if name in known)
        os.chown(home, account.pw_uid, account.pw_gid)
    except (StopIteration, OSError) as error:  # a container with one account: the root that PostgreSQL refuses
        raise CourseError(
            tr(
                es="PostgreSQL no funciona como root, y aquí no hay otra cuenta: usa DATABASE_URL u otro usuario.",
                en="PostgreSQL does not run as root, and there is no other account: use DATABASE_URL or another user.",
            )
        ) from error
    workspace().chmod(0o711)  # that account may pass through it, and not look
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _programs(home: Path, identity: dict) -> Path:
    """The folder of pgserver's programs; a copy in `home` when the account cannot reach the original (under /root)."""
    package = importlib.util.find_spec("pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("the package pgserver is not installed")
    installed = Path(package.origin).parent
    programs = Path("pginstall", "bin")
    try:
        subprocess.run(
            [installed / programs / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **identity
        )
    except PermissionError:
        # the package, and the folder of libraries that Linux wheels keep beside it
        for folder in (installed, installed.with_name("pgserver.libs")):
            if folder.is_dir():
                shutil.copytree(folder, home / folder.name, symlinks=True, ignore=shutil.ignore_patterns("include"))
        return home / installed.name / programs
    return installed / programs


def _wait_until_ready(server: subprocess.Popen, status: Path) -> None:
    """Wait for the word that pg_ctl waits for: the last line of postmaster.pid."""
    deadline = time.monotonic() + _START_SECONDS
    while not (status.exists() and status.read_text().rstrip().endswith("ready")):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start (code {server.returncode})")
        time.sleep(0.01)


def _stop(server: subprocess.Popen) -> None:
    """PostgreSQL's fast shutdown (it breaks connections), then its immediate one."""
    for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(order)
            try:
                server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
