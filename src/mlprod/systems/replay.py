"""Send requests to an HTTP service from a process of its own: a trace at its times (open loop), or in a closed loop.

    answers = replay.open_loop(service.address, [(0.00, {"flight": 7}), (0.03, {"flight": 9})])

The client is small on purpose (asyncio, keep-alive, no library): on a machine of two cores a heavy one would take from
the service the very processor that is being measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mlprod.language import tr
from mlprod.progress import wait_until
from mlprod.systems import processes

LEAD_SECONDS = 0.1
"""Between the start of the sending process and the first intended moment."""
_FAILED = 0


class Answer(NamedTuple):
    """What came of one request. Times in seconds of `time.monotonic()`, one clock for all processes of a machine."""

    number: int
    """Position of the request in what was sent."""
    intended: float
    """When it should have been sent (in a closed loop: when it was)."""
    sent: float
    done: float
    status: int
    """HTTP status; 0 when there was no answer (refused, reset, time limit)."""
    body: Any
    """The JSON answer; the error's text when status is 0."""

    @property
    def seconds(self) -> float:
        """Latency from the intended moment: what a user sees."""
        return self.done - self.intended


def open_loop(
    address: str,
    requests: Sequence[tuple[float, Any]],
    path: str = "/predict",
    connections: int = 256,
    timeout: float = 5.0,
    label: str | None = None,
    begin: float | None = None,
) -> list[Answer]:
    """POST each body at its time: `requests` are (seconds from the start, JSON body), in order of time.

    A request waits for nobody: each takes a free connection, or opens another one (up to `connections`). Shows a bar
    when the trace lasts longer than 2 s. `begin` (monotonic seconds) is when the trace starts: soon, by default.
    Raises ChildFailed if the sending process fails.
    """
    sender = processes.start(_send_all, address, path, list(requests), connections, timeout, begin, name="load")
    return _result(sender, requests[-1][0] if requests else 0.0, timeout, label)


def closed_loop(
    address: str,
    bodies: Sequence[Any],
    concurrency: int,
    seconds: float,
    path: str = "/predict",
    timeout: float = 5.0,
    label: str | None = None,
) -> list[Answer]:
    """`concurrency` clients that POST the next of `bodies` (again and again) as soon as they have their answer."""
    sender = processes.start(_ask_in_turn, address, path, list(bodies), concurrency, seconds, timeout, name="load")
    return _result(sender, seconds, timeout, label)


def _result(sender: processes.Process, seconds: float, timeout: float, label: str | None) -> list[Answer]:
    try:
        if seconds > 2:
            wait_until(time.monotonic() + seconds, label or tr(es="carga", en="load"))
        return [Answer(*row) for row in sender.result(timeout=seconds + timeout + 20)]
    finally:
        sender.stop()


def _send_all(
    address: str, path: str, requests: list, connections: int, timeout: float, begin: float | None
) -> list[tuple]:
    return asyncio.run(_open(address, path, requests, connections, timeout, begin))


def _ask_in_turn(
    address: str, path: str, bodies: list, concurrency: int, seconds: float, timeout: float
) -> list[tuple]:
    return asyncio.run(_closed(address, path, bodies, concurrency, seconds, timeout))


async def _open(
    address: str, path: str, requests: list, connections: int, timeout: float, begin: float | None
) -> list[tuple]:
    free: list[Connection] = []
    places = asyncio.Semaphore(connections)

    async def one(number: int, intended: float, packed: bytes) -> tuple:
        async with places:
            connection = free.pop() if free else Connection(address)
            sent = time.monotonic()
            status, body = await connection.ask(packed, timeout)
            free.append(connection)
            return number, intended, sent, time.monotonic(), status, body

    tasks = []
    packed = [pack(address, path, body) for _, body in requests]
    begin = time.monotonic() + LEAD_SECONDS if begin is None else begin
    for number, (at, _) in enumerate(requests):
        if (left := begin + at - time.monotonic()) > 0:
            await asyncio.sleep(left)
        tasks.append(asyncio.create_task(one(number, begin + at, packed[number])))
    answers = list(await asyncio.gather(*tasks))
    for connection in free:
        connection.close()
    return answers


async def _closed(
    address: str, path: str, bodies: list, concurrency: int, seconds: float, timeout: float
) -> list[tuple]:
    packed = [pack(address, path, body) for body in bodies]
    answers: list[tuple] = []
    end = time.monotonic() + seconds

    async def client(first: int) -> None:
        connection, number = Connection(address), first
        while time.monotonic() < end:
            sent = time.monotonic()
            status, body = await connection.ask(packed[number % len(packed)], timeout)
            answers.append((number, sent, sent, time.monotonic(), status, body))
            number += concurrency
        connection.close()

    await asyncio.gather(*map(client, range(concurrency)))
    return answers


def pack(address: str, path: str, body: Any) -> bytes:
    """The bytes of a POST of `body` as JSON, for `Connection.ask`."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data


class Connection:
    """One keep-alive connection, opened at its first use and again after a failure."""

    def __init__(self, address: str):
        parts = urlsplit(address)
        self._host, self._port = parts.hostname, parts.port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes, timeout: float) -> tuple[int, Any]:
        """(HTTP status, JSON answer) of a request made by `pack`; (0, what happened) without one in `timeout` s."""
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(request)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            return _FAILED, f"{type(error).__name__}: {error}"

    async def _exchange(self, request: bytes) -> tuple[int, Any]:
        if self._writer is None or self._writer.is_closing() or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        data = await self._reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        return status, json.loads(data)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    """How many answers of each HTTP status, 0 standing for none."""
    counts: dict[int, int] = {}
    for answer in answers:
        counts[answer.status] = counts.get(answer.status, 0) + 1
    return dict(sorted(counts.items()))
