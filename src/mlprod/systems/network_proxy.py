"""The process behind `network.link`: an asyncio TCP proxy that holds every byte back for as long as a network would.

Light on purpose: it imports nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

PIECE = 16 * 1024  # bytes read at a time: small enough for the bandwidth to be felt
IN_FLIGHT = 64  # pieces held back for each connection and direction before reading stops
KEPT = 4 * 1024 * 1024  # bytes that an eavesdropper keeps, each way
SAME_QUEUE = 0.005  # seconds: pieces sent within them, such as a head and its body, wait in one queue, not in two
_COARSE = 0.0015  # seconds: epoll sleeps whole milliseconds, so the rest is waited for by yielding
_LINGER_NOT = struct.pack("ii", 1, 0)  # closing sends RST and not FIN


class Proxy:
    """All the connections of one link, the link's state, and its control."""

    def __init__(self, host: str, port: int, conditions: dict[str, Any], seed: int):
        self.target = host, port
        self.chance = random.Random(seed)
        self.open: set[asyncio.StreamWriter] = set()
        self.counters = Counter(up=0, down=0, connections=0, resets=0)
        self.heard: dict[str, list[bytes]] | None = None
        self.down = False
        self.flowing = asyncio.Event()  # cleared while an outage is silent
        self._timers: list[asyncio.TimerHandle] = []
        self.change(conditions)

    def change(self, conditions: dict[str, Any]) -> None:
        for timer in self._timers:
            timer.cancel()
        self.one_way = conditions["rtt_ms"] / 2000
        self.jitter = conditions["jitter_ms"] / 2000
        self.rates = {"up": conditions["up_kbps"], "down": conditions["down_kbps"]}
        self.free = {"up": 0.0, "down": 0.0}  # when the link has sent what it is sending
        self.silent = conditions["silent"]
        self.set_down(False)
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(moment, self.set_down, down)
            for outage in conditions["outages"]
            for moment, down in zip(outage, (True, False), strict=True)
        ]

    def set_down(self, down: bool) -> None:
        self.down = down
        if not down:
            self.flowing.set()
        elif self.silent:
            self.flowing.clear()
        else:
            for writer in list(self.open):
                self.reset(writer)

    def reset(self, writer: asyncio.StreamWriter) -> None:
        """Close so that the other side sees "connection reset by peer"."""
        if writer in self.open:
            self.open.discard(writer)
            self.counters["resets"] += 1
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        writer.transport.abort()

    def draw_jitter(self) -> float:
        """What one way takes on top this time, in seconds."""
        return self.chance.expovariate(1 / self.jitter) if self.jitter else 0.0

    def arrival(self, way: str, size: int, not_before: float, jitter: float) -> float:
        """When a piece sent now comes out at the other end: after what is being sent, and in order."""
        now = asyncio.get_running_loop().time()
        sent = now
        if rate := self.rates[way]:
            sent = self.free[way] = max(self.free[way], now) + size * 8 / (rate * 1000)
        return max(not_before, sent + self.one_way + jitter)

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counters["connections"] += 1
        self.open.add(writer)
        if self.down and not self.silent:
            self.reset(writer)
            return
        server = None
        try:
            # the client believes to be connected at once: its first byte waits for the handshake's round trip instead
            begin = self.arrival("up", 0, 0, self.draw_jitter()) + 2 * self.one_way
            from_server, server = await asyncio.open_connection(*self.target, family=socket.AF_INET)
            self.open.add(server)
            await asyncio.gather(
                self.carry("up", reader, server, begin), self.carry("down", from_server, writer, begin)
            )
        except OSError:  # reset by either side: so is the other
            for side in filter(None, (writer, server)):
                self.reset(side)
        finally:
            for side in filter(None, (writer, server)):
                self.open.discard(side)
                side.close()

    async def carry(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begin: float) -> None:
        """Copy one direction of a connection, each piece at its time of arrival."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)

        async def deliver() -> None:
            while True:
                moment, piece = await pieces.get()
                await until(moment)
                await self.flowing.wait()
                if not piece:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                writer.write(piece)
                await writer.drain()
                self.counters[way] += len(piece)

        delivery = asyncio.ensure_future(deliver())
        now = asyncio.get_running_loop().time
        try:
            moment, drawn, jitter = begin, -math.inf, 0.0
            while True:
                piece = await reader.read(PIECE)
                if piece and self.heard is not None and sum(map(len, self.heard[way])) < KEPT:
                    self.heard[way].append(piece)
                if now() - drawn > SAME_QUEUE:
                    drawn, jitter = now(), self.draw_jitter()
                moment = self.arrival(way, len(piece), moment, jitter)
                await pieces.put((moment, piece))
                if not piece:
                    break
            await delivery
        finally:
            delivery.cancel()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One command of the parent, one answer."""
        message = json.loads(await reader.readline())
        reply: Any = {}
        match message["do"]:
            case "change":
                self.change(message["conditions"])
            case "cut":
                self.set_down(True)
            case "restore":
                self.set_down(False)
            case "point":
                self.target = message["host"], message["port"]
            case "eavesdrop":
                self.heard = {"up": [], "down": []}
            case "overheard":
                reply = {way: [piece.hex() for piece in pieces] for way, pieces in (self.heard or {}).items()}
            case "count":
                counters = self.counters
                reply = {
                    "up_bytes": counters["up"],
                    "down_bytes": counters["down"],
                    "connections": counters["connections"],
                    "resets": counters["resets"],
                }
        writer.write(json.dumps(reply).encode() + b"\n")
        await writer.drain()
        writer.close()


async def until(moment: float) -> None:
    """Wait until the loop's clock says `moment`, more exactly than the loop's own timers."""
    loop = asyncio.get_running_loop()
    if (left := moment - loop.time() - _COARSE) > 0:
        await asyncio.sleep(left)
    while loop.time() < moment:
        await asyncio.sleep(0)


def serve(
    host: str,
    port: int,
    control: str,
    conditions: dict[str, Any],
    seed: int,
    ready: Callable[[Any], None],
    stopping: threading.Event,
) -> None:
    """Run the proxy until `stopping`; `ready((port, control))` once it accepts connections."""

    async def run() -> None:
        proxy = Proxy(host, port, conditions, seed)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        async with (
            await asyncio.start_server(proxy.serve_client, sock=listener, limit=PIECE),
            await asyncio.start_unix_server(proxy.answer, control),
        ):
            ready((listener.getsockname()[1], control))
            await asyncio.to_thread(stopping.wait)
            proxy.flowing.set()
            for writer in list(proxy.open):
                writer.transport.abort()

    asyncio.run(run())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(control)
