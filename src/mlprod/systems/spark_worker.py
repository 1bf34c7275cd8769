"""The Python that Spark's long-running helpers start with: it answers the JVM first and imports pyspark afterwards.

Spark gives such a helper (of a streaming data source) ten seconds to connect, a number that no setting changes; its
imports take half a second of processor, and on a busy machine more than that. Run by the script that `python` writes,
never imported by a worker: only the standard library up to the connection.
"""

import os
import runpy
import shlex
import socket
import struct
import sys
from pathlib import Path


def python(folder: Path) -> Path:
    """A program in `folder` for Spark to use as its Python: this interpreter, starting helpers through this module."""
    program, interpreter, here = folder / "python", shlex.quote(sys.executable), shlex.quote(os.path.abspath(__file__))
    program.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        # started once, and what it forks answers at once
        f'"-m pyspark.daemon"*) exec {interpreter} "$@" ;;\n'
        f'"-m pyspark."*) shift; exec {interpreter} -P {here} "$@" ;;\n'
        f'*) exec {interpreter} "$@" ;;\n'
        "esac\n"
    )
    program.chmod(0o700)
    return program


def connect() -> tuple:
    """(file, socket) of the connection that the JVM waits for, authenticated. Raises OSError or ConnectionError."""
    if path := os.environ.get("PYTHON_WORKER_FACTORY_SOCK_PATH"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
    else:
        connection = socket.create_connection(("127.0.0.1", int(os.environ["PYTHON_WORKER_FACTORY_PORT"])))
    connection.settimeout(int(os.environ.get("SPARK_AUTH_SOCKET_TIMEOUT", "15")))
    file = connection.makefile("rwb", int(os.environ.get("SPARK_BUFFER_SIZE", "65536")))
    if not path and (secret := os.environ.get("PYTHON_WORKER_FACTORY_SECRET", "").encode()):
        file.write(struct.pack("!i", len(secret)) + secret)
        file.flush()
        (length,) = struct.unpack("!i", file.read(4))
        if file.read(length) != b"ok":
            raise ConnectionError("Spark did not accept this worker's secret")
    return file, connection


def main(module: str) -> None:
    """Connect, then run pyspark's `module` as if by `python -m`, with the connection that is there."""
    connection = connect()
    sys.path.insert(0, os.getcwd())
    sys.argv = sys.argv[1:]
    import pyspark.util

    pyspark.util.local_connect_and_auth = lambda *_: connection
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
