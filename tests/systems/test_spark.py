"""One session, on the loopback, silent and in UTC, which ends with whoever started it. The tests share one JVM."""

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pyspark.errors import AnalysisException

from mlprod.errors import CourseError
from mlprod.systems import flights, processes, spark

SCRIPT = """
import json, os, sys, time
import psutil
from mlprod.systems import spark
from mlprod.systems.workspace import workspace
assert "pyspark" not in sys.modules and not spark.running()
session = spark.session()

def double(rows):
    for frame in rows:
        yield frame * 2

assert [row.id for row in session.range(3).mapInPandas(double, "id long").collect()] == [0, 2, 4]
family = [p.pid for p in psutil.Process().children(recursive=True)]
told = {"jvm": spark.pid(), "pids": family, "workspace": str(workspace())}
"""


def _running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _gone(told: dict, seconds: float = 10) -> bool:
    """Whether the processes and the folder of a script disappear within `seconds`."""
    deadline = time.monotonic() + seconds
    while any(map(_running, told["pids"])) or Path(told["workspace"]).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_there_is_one_session(session):
    assert spark.session() is session and spark.running()
    spark.session(spark_sql_shuffle_partitions=3)
    assert session.conf.get("spark.sql.shuffle.partitions") == "3"
    spark.session(spark_sql_shuffle_partitions=2)
    assert session.sparkContext.master == "local[2]"


def test_it_listens_on_the_loopback_alone(session):
    listening = [c.laddr.ip for c in psutil.Process(spark.pid()).net_connections("inet") if c.status == "LISTEN"]
    assert listening and {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
    assert session.sparkContext.uiWebUrl is None


def test_times_are_utc_wherever_the_notebook_runs(session):
    moment = dt.datetime(2013, 7, 1, 12, 30)
    assert time.tzname == ("UTC", "UTC")
    shown = session.sql("SELECT TIMESTAMP '2013-07-01T08:30:00-04:00' AS t").first().t
    assert shown == moment
    assert session.createDataFrame([(moment,)], "t timestamp").selectExpr("hour(t) AS h").first().h == 12
    assert session.sql("SELECT hour(TIMESTAMP '2013-07-01T08:30:00-04:00') AS h").toPandas().h[0] == 12


def test_it_reads_the_flights(session):
    frame = session.read.parquet(str(flights.FILE))
    assert frame.columns == list(flights.table(days=("2013-07-01", "2013-07-02")).columns)
    day = frame.where("sched_dep_local >= '2013-07-01' AND sched_dep_local < '2013-07-02'")
    pandas = flights.table(days=("2013-07-01", "2013-07-02"))
    assert day.selectExpr("count(*)", "sum(dep_delay)", "max(arr)").first() == (
        len(pandas),
        pandas.dep_delay.sum(),
        pandas.arr.max().to_pydatetime().replace(tzinfo=None),
    )


def test_its_memory_and_its_files_are_known(session, capfd):
    assert 100e6 < spark.rss() < 3e9
    folder = spark.checkpoint("known")
    assert folder.is_dir() and spark.checkpoint("known") == folder
    session._jvm.System.err.println("a complaint of the JVM")
    deadline = time.monotonic() + 5
    while "a complaint of the JVM" not in spark.log() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "a complaint of the JVM" in spark.log()
    assert capfd.readouterr().err == ""


def test_a_mistake_is_an_exception_and_nothing_else(session, capfd):
    with pytest.raises(AnalysisException):
        session.sql("SELECT nothing")
    with pytest.raises(AnalysisException):
        session.range(1).selectExpr("CAST(id AS DATE)")
    assert capfd.readouterr() == ("", "")


def test_a_fork_has_no_session_and_does_not_keep_the_jvm(session):
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, b"%d" % (spark.running() or spark.pid() is not None))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write_end)
    assert os.read(read_end, 10) == b"0" and session.range(4).count() == 4
    os.close(read_end)


def test_nothing_is_left_and_nothing_was_said():
    script = subprocess.run(
        [sys.executable, "-c", SCRIPT + "print(json.dumps(told), flush=True); raise ValueError('a mistake')"],
        capture_output=True,
        text=True,
        timeout=250,
    )
    told = json.loads(script.stdout)
    assert told["jvm"] in told["pids"] and len(told["pids"]) >= 3  # the janitor, the JVM, a Python worker
    assert _gone(told)
    assert script.returncode == 1 and script.stderr.startswith("Traceback") and script.stderr.count("\n") < 6


def test_a_driver_that_is_killed_takes_its_jvm_at_once():
    def driver(ready):
        own: dict = {}
        exec(SCRIPT, own)
        ready(own["told"])
        time.sleep(300)

    driver = processes.start(driver, ready_timeout=280)
    told = driver.address
    assert _running(told["jvm"])
    driver.kill()
    time.sleep(0.1)
    assert not _running(told["jvm"]), "half a driver must not go on"


def test_in_a_forked_kernel(tmp_path):
    from jupyter_client.manager import start_new_kernel

    from mlprod.grading.kernels import forked_kernels

    with forked_kernels(("numpy", "pandas")) as name:
        manager, client = start_new_kernel(kernel_name=name, cwd=str(tmp_path))
        try:
            streams: dict[str, str] = {"stdout": "", "stderr": ""}

            def show(message: dict) -> None:
                content = message["content"]
                if "text" in content:
                    streams[content["name"]] += content["text"]
                streams["stderr"] += "\n".join(content.get("traceback", []))

            client.execute_interactive(SCRIPT + "print(json.dumps(told))", output_hook=show, timeout=280)
            assert streams["stderr"] == ""
            told = json.loads(streams["stdout"])
            # an interrupt stops the cell, and neither the session nor its JVM
            code = "print('now', flush=True); time.sleep(60)"

            def interrupt(message: dict) -> None:
                if "now" in message["content"].get("text", ""):
                    manager.interrupt_kernel()

            client.execute_interactive(code, output_hook=interrupt, timeout=60)
            streams["stdout"] = ""
            client.execute_interactive("print(session.range(5).count())", output_hook=show, timeout=60)
            assert streams["stdout"] == "5\n"
            manager.shutdown_kernel(now=True)
            assert _gone(told)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_a_server_that_does_not_answer(reader, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening
        where = f"sc://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(CourseError) as told:
            spark._connect(f"{where};token=s3cret", {})
    assert f"SPARK_REMOTE={where}" in str(told.value) and "s3cret" not in str(told.value)
    assert ("no responde" in str(told.value)) == (reader == "es")


def test_a_wrong_setting_is_told_with_the_end_of_the_log():
    with pytest.raises(processes.ChildFailed) as told:
        processes.start(spark.session, spark_driver_memory="a lot").result(250)
    assert CourseError.__name__ in str(told.value) and "a lot" in str(told.value)
