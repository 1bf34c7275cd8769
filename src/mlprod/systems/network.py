"""A network between two processes of this machine: latency, jitter, bandwidth and cuts, in a TCP proxy of its own.

with network.link(service.address, network.PROFILES["4g"]) as link:
    client = services.http_client(link.address)     # as the service, but far away
    link.change(network.PROFILES["3g"])             # while connections are open
    link.cut()                                      # open connections are reset, new ones too, until link.restore()

It carries bytes and understands none of them: HTTP, TLS and gRPC pass unchanged, and so do a browser's CORS headers.
A cut shows as a reset at once; with `silent` conditions, as nothing at all: what is sent arrives when the cut ends, as
on a phone that has lost coverage and only notices by its timeout.
What it cannot do: lose or reorder packets (TCP would repair it, at the price of a wait: put that into the jitter).
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from uuid import uuid4

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import processes
from mlprod.systems.network_proxy import serve
from mlprod.systems.workspace import workspace

__all__ = ["PROFILES", "Conditions", "Counters", "Link", "link", "random_outages"]


@dataclass(frozen=True)
class Conditions:
    """How a network behaves, as seen by the client of a link.

    rtt_ms: the least round trip. jitter_ms: what a round trip takes on top, on average (exponential: a long tail).
    up_kbps, down_kbps: kilobits a second towards the service and back, shared by all connections; None: no limit.
    outages: ((begin, end), …) in seconds since these conditions came into force; begin < end, in order.
    silent: during an outage or a `cut`, hold back what is sent until it ends; else connections are reset.
    source: where the figures come from. Raises ValueError for figures that make no sense.
    """

    rtt_ms: float = 0.0
    jitter_ms: float = 0.0
    up_kbps: float | None = None
    down_kbps: float | None = None
    outages: tuple[tuple[float, float], ...] = ()
    source: str = ""
    silent: bool = False

    def __post_init__(self) -> None:
        if self.rtt_ms < 0 or self.jitter_ms < 0:
            raise ValueError("rtt_ms and jitter_ms must not be negative")
        if any(rate is not None and rate <= 0 for rate in (self.up_kbps, self.down_kbps)):
            raise ValueError("up_kbps and down_kbps must be positive, or None")
        edges = [edge for outage in self.outages for edge in outage]
        if edges != sorted(edges) or any(begin >= end for begin, end in self.outages) or min(edges, default=0) < 0:
            raise ValueError(f"outages must be pairs (begin, end) in order, not {self.outages}")

    def with_outages(self, outages: tuple[tuple[float, float], ...]) -> Conditions:
        """The same network with these outages."""
        return replace(self, outages=tuple(outages))

    def draw_rtt(self, chance: random.Random) -> float:
        """One round trip of a small message on an open connection, in milliseconds, as the proxy would draw it."""
        return self.rtt_ms + sum(chance.expovariate(2 / self.jitter_ms) for _ in range(2) if self.jitter_ms)


def random_outages(seed: int, seconds: float, up_s: float, down_s: float) -> tuple[tuple[float, float], ...]:
    """Outages over `seconds`, of a network that is up for `up_s` and down for `down_s` on average (exponential)."""
    chance, at, outages = random.Random(seed), 0.0, []
    while (begin := at + chance.expovariate(1 / up_s)) < seconds:
        at = begin + chance.expovariate(1 / down_s)
        outages.append((round(begin, 3), round(max(at, begin + 0.001), 3)))
    return tuple(outages)


_WPT = "WebPageTest, www/settings/connectivity.ini.sample"
PROFILES: dict[str, Conditions] = {
    "lan": Conditions(0.5, 0.1, 1_000_000, 1_000_000, source="assumed: a wired office network"),
    "fibre": Conditions(4, 2, 5_000, 20_000, source=f"{_WPT} (FIOS); the jitter is assumed"),
    "4g": Conditions(70, 20, 12_000, 12_000, source=f"{_WPT} (LTE); the jitter is assumed"),
    "3g": Conditions(300, 60, 768, 1_600, source=f"{_WPT} (3G); the jitter is assumed"),
}
"""Access networks by name, to a server near by: add the distance to a far one. "train": 4G with tunnels, assumed."""
PROFILES["train"] = replace(
    PROFILES["4g"],
    outages=random_outages(seed=329, seconds=3600, up_s=6, down_s=3),
    source=PROFILES["4g"].source + "; tunnels assumed, 6 s with coverage and 3 s without on average",
)


@dataclass(frozen=True)
class Counters:
    """What has gone through a link so far: bytes towards the service and back, connections, and those it has reset."""

    up_bytes: int
    down_bytes: int
    connections: int
    resets: int


class Link:
    """A running proxy. Made by `link`. `address` stands for the service's own."""

    def __init__(self, process: processes.Process, prefix: str):
        self._process = process
        port, self._control = process.address
        self.address = f"{prefix}127.0.0.1:{port}"

    def change(self, conditions: Conditions) -> None:
        """From now on behave so, also for open connections; outages count from now. Ends a `cut`."""
        self._ask(do="change", conditions=asdict(conditions))

    def cut(self) -> None:
        """Reset what is open and what tries to connect (or be silent: see Conditions) until `restore` or `change`."""
        self._ask(do="cut")

    def restore(self) -> None:
        """End a `cut`."""
        self._ask(do="restore")

    def point_to(self, target: str) -> None:
        """From now on new connections go to `target`, as when a service comes back at another port.

        Open connections stay as they are. Raises ValueError when `target` has no port.
        """
        host, port = _host_and_port(target)
        self._ask(do="point", host=host, port=port)

    @property
    def counters(self) -> Counters:
        return Counters(**self._ask(do="count"))

    def eavesdrop(self) -> None:
        """From now on keep a copy of all bytes (the first 4 MiB each way), as anybody on the path could."""
        self._ask(do="eavesdrop")

    def overheard(self) -> dict[str, list[bytes]]:
        """{"up": pieces, "down": pieces} kept since `eavesdrop`, in order of arrival at the proxy."""
        heard = self._ask(do="overheard")
        return {way: [bytes.fromhex(piece) for piece in pieces] for way, pieces in heard.items()}

    def stop(self) -> None:
        self._process.stop()

    def _ask(self, **message) -> dict:
        """Send one command to the proxy and return its answer. Raises CourseError when the proxy has ended."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
                control.settimeout(10)
                control.connect(self._control)
                control.sendall(json.dumps(message).encode() + b"\n")
                with control.makefile() as answers:
                    return json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise CourseError(
                tr(
                    es=f"El enlace {self.address} ya no está en marcha ({error}): repite la celda que lo abre.",
                    en=f"The link {self.address} is not running any more ({error}): run the cell that opens it again.",
                )
            ) from error


@contextlib.contextmanager
def link(target: str, conditions: Conditions = Conditions(), seed: int = 0) -> Iterator[Link]:
    """A network in front of `target` ("http://127.0.0.1:PORT" or "127.0.0.1:PORT"), gone when the block ends.

    A new connection costs one round trip before its first byte (TCP's handshake), as on a real network. `seed` decides
    the jitter. Raises ValueError when `target` has no port.
    """
    host, port = _host_and_port(target)
    scheme, separator, _ = target.rpartition("://")
    control = workspace() / f"net-{uuid4().hex[:8]}"
    with processes.start(serve, host, port, str(control), asdict(conditions), seed, name="network") as process:
        yield Link(process, scheme + separator)


def _host_and_port(target: str) -> tuple[str, int]:
    host, colon, port = target.rpartition("://")[2].rstrip("/").rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"target must say host and port, such as http://127.0.0.1:8000, not {target!r}")
    return host, int(port)
