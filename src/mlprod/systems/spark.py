"""One SparkSession for a notebook: two local cores by default, the cluster of SPARK_MASTER or SPARK_REMOTE when set.

    spark = session()                      # the first call starts Spark; the others return the same session
    spark.read.parquet(str(flights.FILE)).groupBy("origin").count().show()

Locally the JVM is a child of this process that listens on the loopback only, writes its log and its files in
`workspace()` and ends when this process ends, however it ends. Nothing it says reaches the cells: see `log()`.

The session's time zone is UTC, and so becomes this process's: otherwise `collect()` would give naive datetimes in the
time zone of whichever machine runs the notebook.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlprod.environment import variables
from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import java, spark_archive, spark_worker
from mlprod.systems import workspace as workspaces
from mlprod.systems.workspace import workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MASTER = "local[2]"
CONNECT_PORT = 15002
ANSWER_SECONDS = 10.0
STOP_SECONDS = 5.0
_LOG = "spark.log"


class _Owned:
    """The session and the JVM that this process has started. A fork starts with nothing (see `_forget`)."""

    def __init__(self) -> None:
        self.session: SparkSession | None = None
        self.jvm: subprocess.Popen | None = None
        self.lock = threading.RLock()


_owned = _Owned()


def session(**settings: Any) -> SparkSession:
    """The notebook's SparkSession, started at the first call (some seconds).

    `settings` are Spark's, with underscores for dots where Spark has no underscore (`spark_sql_shuffle_partitions=4`);
    those of SQL apply to a running session as well. Where it runs: `SPARK_REMOTE` (a Spark Connect address,
    "sc://host:15002"), else `SPARK_MASTER` ("spark://host:7077", "local[4]"), else `local[2]`.
    Raises CourseError when no Java fits, or when the cluster does not answer.
    """
    chosen = {name.replace("_", "."): str(value) for name, value in settings.items()}
    with _owned.lock:
        if not _usable():
            stop()
            _use_utc()
            _silence()
            remote = os.environ.get("SPARK_REMOTE")
            _owned.session = _connect(remote, chosen) if remote else _start(chosen)
        else:
            for name, value in chosen.items():
                _owned.session.conf.set(name, value)
        return _owned.session


def stop() -> None:
    """Stop the session and its JVM, if there is one; a later `session()` starts anew. Runs by itself at the end."""
    with _owned.lock:
        running, _owned.session = _owned.session, None
        jvm, _owned.jvm = _owned.jvm, None
        if jvm is None:
            if running is not None:
                with contextlib.suppress(Exception):  # the server is gone: nothing to release
                    running.stop()
            return
        if running is not None and jvm.poll() is None:
            with contextlib.suppress(Exception):
                for query in running.streams.active:
                    query.stop()
                running.stop()
        _end(jvm)
        _forget_gateway()
        if not _in_a_child():
            workspaces.janitor().forget(jvm.pid)


def running() -> bool:
    """Whether this process has a Spark session by now (asking starts none)."""
    return _usable()


def pid() -> int | None:
    """The process number of the local JVM, to measure its memory; None without one."""
    return _owned.jvm.pid if _owned.jvm is not None and _owned.jvm.poll() is None else None


def rss() -> int:
    """Resident memory of the local JVM and of the Python workers that it has started, in bytes; 0 without one.

    Pages that forked workers share are counted in each of them: it is an upper bound.
    """
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error, TypeError):
        jvm = psutil.Process(pid()) if pid() else None
        for process in [jvm, *jvm.children(recursive=True)] if jvm else []:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def checkpoint(name: str) -> Path:
    """The folder `name` of this kernel's checkpoints, for `checkpointLocation`: the same one at each call.

    It is not emptied: a query that is started again with it goes on where it was. Gone with the kernel; but where
    MLPROD_SPARK_FOLDER names a folder that a cluster's executors share with this process, it is in there and stays.
    """
    shared = os.environ.get("MLPROD_SPARK_FOLDER")
    folder = (Path(shared, workspace().name) if shared else workspace()) / "checkpoints" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log(lines: int = 40) -> str:
    """The last lines that the JVM and the Python workers have written."""
    path = workspace() / _LOG
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def _usable() -> bool:
    if _owned.session is None:
        return False
    if _owned.jvm is None:
        return not getattr(_owned.session, "is_stopped", False)
    context = _owned.session.sparkContext  # None inside once somebody has called spark.stop()
    return _owned.jvm.poll() is None and context._jsc is not None


def _silence() -> None:
    """No copy of each mistake, with its Java stack, as JSON on stderr: the exception says it already."""
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logger = logging.getLogger(name)
        logger.disabled, logger.propagate = True, False


def _use_utc() -> None:
    os.environ["TZ"] = "UTC"
    if hasattr(time, "tzset"):
        time.tzset()


def _sql_settings() -> dict[str, str]:
    """What may differ from one session to another, also on a shared server."""
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.streaming.forceDeleteTempCheckpointLocation": "true",
        "spark.sql.streaming.stopTimeout": "20s",
    }


def _settings(master: str, folder: Path) -> dict[str, str]:
    base = _sql_settings() | {
        "spark.app.name": "mlprod",
        "spark.master": master,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.artifact.isolation.enabled": "false",
    }
    if master.startswith("local"):
        base |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.default.parallelism": "2",
            # a JVM of minutes, on two cores beside Python: the small collector and no waiting for the best compiler
            "spark.driver.extraJavaOptions": " ".join(
                [
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "-Xss4m",
                    "-Djava.net.preferIPv4Stack=true",
                    "-Duser.timezone=UTC",
                    f"-Djava.io.tmpdir={folder}",
                    f"-Dderby.system.home={folder}",
                ]
            ),
        }
    return base


def _start(chosen: Mapping[str, str]) -> SparkSession:
    found = java.find()
    home = found.home(workspace())
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    folder = workspace() / "spark"
    folder.mkdir(exist_ok=True)
    conf = SparkConf(loadDefaults=False)
    settings = _settings(os.environ.get("SPARK_MASTER") or MASTER, folder) | chosen
    local = settings["spark.master"].startswith("local")
    if local and (archived := spark_archive.options(found)):
        settings["spark.driver.extraJavaOptions"] = f"{settings['spark.driver.extraJavaOptions']} {archived}"
    for name, value in settings.items():
        conf.set(name, value)
    _forget_gateway()
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["PYSPARK_PYTHON"] = str(spark_worker.python(folder)) if local else sys.executable
    try:
        gateway = _launch(conf, home)
        with _quiet():
            context = SparkContext(conf=conf, gateway=gateway)
            return SparkSession(context)
    except Exception as error:
        if _owned.jvm is not None:
            _end(_owned.jvm)
            _owned.jvm = None
        _forget_gateway()
        raise CourseError(
            tr(
                es=f"Spark no ha arrancado: {error}. Su registro termina así:\n{log(15)}",
                en=f"Spark did not start: {error}. Its log ends like this:\n{log(15)}",
            )
        ) from error


def _launch(conf: Any, home: Path) -> Any:
    """The JVM, its output in the log, in a process group of its own that the janitor watches.

    In a child of `processes.start` it joins the child's group: whoever kills the child (a driver that fails) kills both
    at the same moment, and no half of a driver goes on.
    """
    from pyspark.java_gateway import launch_gateway

    loopback = {"SPARK_LOCAL_IP": "127.0.0.1"} if conf.get("spark.master").startswith("local") else {}
    launcher = {"SPARK_LAUNCHER_OPTS": os.environ.get("SPARK_LAUNCHER_OPTS", spark_archive.LAUNCHER_OPTIONS)}
    with variables(JAVA_HOME=str(home), **launcher, **loopback), open(workspace() / _LOG, "ab") as output:
        popen = {"stdout": output, "stderr": output, "start_new_session": not _in_a_child()}
        gateway = launch_gateway(conf, popen_kwargs=popen)
    _owned.jvm = gateway.proc
    if not _in_a_child():
        workspaces.janitor().watch(gateway.proc.pid)
    return gateway


def _in_a_child() -> bool:
    """Whether this process was started by `processes.start`."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "mlprod.systems.child"


def _connect(remote: str, chosen: Mapping[str, str]) -> SparkSession:
    where = remote.partition(";")[0]  # what follows may hold a token
    address = urlsplit(remote)
    try:
        # asked first: pyspark itself would try again for ten minutes
        socket.create_connection((address.hostname, address.port or CONNECT_PORT), ANSWER_SECONDS).close()
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.remote(remote)
        for name, value in (_sql_settings() | chosen).items():
            builder = builder.config(name, value)
        with _quiet():
            return builder.getOrCreate()
    except Exception as error:
        told = next(iter(str(error).splitlines()), type(error).__name__)
        raise CourseError(
            tr(
                es=f"SPARK_REMOTE={where} no responde: {told}. Arranca ese servidor, "
                "o quita la variable para usar el Spark de esta máquina.",
                en=f"SPARK_REMOTE={where} does not answer: {told}. Start that server, "
                "or unset the variable to use this machine's Spark.",
            )
        ) from None


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _end(jvm: subprocess.Popen) -> None:
    """Close the JVM's standard input, which ends it; kill its group if it does not."""
    with contextlib.suppress(OSError):
        jvm.stdin.close()
    try:
        jvm.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        jvm.kill()  # its Python workers end when their pipe to it closes
        jvm.wait(5)


def _forget_gateway() -> None:
    """Let pyspark launch a new JVM next time: it keeps the first one for the life of the process."""
    if "pyspark" not in sys.modules:
        return
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with contextlib.suppress(Exception):
        SparkContext._gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def _forget() -> None:
    """In a fork the JVM is somebody else's: close the inherited pipe, which would keep it alive."""
    global _owned
    if _owned.jvm is not None:
        with contextlib.suppress(OSError):
            _owned.jvm.stdin.close()
        _owned.jvm.returncode = 0
    _owned = _Owned()


os.register_at_fork(after_in_child=_forget)
workspaces.before_closing(stop)
