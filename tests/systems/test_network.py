"""A link delays, limits, cuts and lets be overheard what passes, and changes nothing of it. Times only as bounds."""

import asyncio
import contextlib
import hashlib
import random
import socket
import statistics
import threading
import time
from dataclasses import asdict

import pytest

from mlprod.errors import CourseError
from mlprod.systems import network
from mlprod.systems.network import PROFILES, Conditions, random_outages
from mlprod.systems.network_proxy import SAME_QUEUE, Proxy


@pytest.fixture
def echo():
    """Address of a server that sends back all it gets; each connection in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def talk(connection):
        seen.append(connection)
        with contextlib.suppress(OSError), connection:
            while piece := connection.recv(65536):
                connection.sendall(piece)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    for connection in seen:
        connection.close()


def connect(link):
    host, port = link.address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def round_trip(connection, message=b"x"):
    """Seconds that `message` takes there and back; AssertionError if it comes back changed."""
    begin = time.perf_counter()
    connection.sendall(message)
    back = b""
    while len(back) < len(message):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        back += piece
    assert back == message
    return time.perf_counter() - begin


def test_bytes_arrive_unchanged_and_are_counted(echo):
    message = random.Random(1).randbytes(300_000)
    with network.link(echo, Conditions(rtt_ms=4, jitter_ms=2)) as link, connect(link) as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(message), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        digest = hashlib.sha256()
        while piece := connection.recv(65536):
            digest.update(piece)
        sender.join()
        assert digest.digest() == hashlib.sha256(message).digest()
        counters = link.counters
    assert (counters.up_bytes, counters.down_bytes) == (300_000, 300_000)
    assert (counters.connections, counters.resets) == (1, 0)


def test_a_round_trip_takes_at_least_the_latency_and_a_first_one_the_handshake_too(echo):
    with network.link(echo, Conditions(rtt_ms=60)) as link, connect(link) as connection:
        assert round_trip(connection) >= 0.1
        later = [round_trip(connection) for _ in range(5)]
        assert min(later) >= 0.059
        assert statistics.median(later) < 0.110
        link.change(Conditions())
        assert min(round_trip(connection) for _ in range(10)) < 0.03


def test_jitter_is_seeded_and_adds_its_mean():
    conditions = Conditions(rtt_ms=10, jitter_ms=20)
    drawn = [[conditions.draw_rtt(random.Random(seed)) for _ in range(3)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    chance = random.Random(0)
    many = [conditions.draw_rtt(chance) for _ in range(4000)]
    assert min(many) >= 10
    assert statistics.mean(many) == pytest.approx(30, rel=0.1)


class Sink:
    """A writer that keeps what it gets."""

    def __init__(self):
        self.got = []
        self.write = self.got.append

    async def drain(self):
        pass

    def can_write_eof(self):
        return False


def test_what_is_sent_together_is_delayed_together():
    """A head and its body, as HTTP clients write them, share one delay; what comes later has another."""

    async def draws():
        proxy = Proxy("127.0.0.1", 9, asdict(Conditions(jitter_ms=4)), seed=1)
        drawn, draw = [], proxy.draw_jitter
        proxy.draw_jitter = lambda: drawn.append(draw()) or drawn[-1]
        reader, writer = asyncio.StreamReader(), Sink()
        carrying = asyncio.ensure_future(proxy.carry("up", reader, writer, 0))
        counts = []
        for piece, wait in ((b"head", 0), (b"body", 2 * SAME_QUEUE), (b"next", 2 * SAME_QUEUE)):
            reader.feed_data(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(wait)
            counts.append(len(drawn))
        reader.feed_eof()
        await carrying
        return counts, writer.got

    counts, got = asyncio.run(draws())
    assert b"".join(got) == b"headbodynext"
    assert counts == [1, 1, 2]


@pytest.mark.parametrize("up, down", [(800, None), (None, 800)])
def test_bandwidth_limits_each_way_by_itself(echo, up, down):
    """40 kB at 800 kbit/s take 0.4 s, whichever way they are slow."""
    with network.link(echo, Conditions(up_kbps=up, down_kbps=down)) as link, connect(link) as connection:
        took = round_trip(connection, bytes(40_000))
        assert 0.38 <= took < 1.5
        link.change(Conditions())
        assert round_trip(connection, bytes(40_000)) < took / 2


def test_two_connections_share_the_bandwidth(echo):
    with network.link(echo, Conditions(up_kbps=1600)) as link, connect(link) as one, connect(link) as two:
        begin = time.perf_counter()
        threads = [threading.Thread(target=round_trip, args=(each, bytes(40_000))) for each in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.perf_counter() - begin >= 0.38


def test_a_cut_resets_what_is_open_and_what_comes_until_it_is_restored(echo):
    with network.link(echo) as link:
        with connect(link) as connection:
            round_trip(connection)
            link.cut()
            with pytest.raises(OSError):
                round_trip(connection)
        with pytest.raises(OSError), connect(link) as connection:
            round_trip(connection)
        link.restore()
        with connect(link) as connection:
            round_trip(connection)
        assert link.counters.resets >= 2


def test_scripted_outages_begin_and_end_by_themselves(echo):
    with network.link(echo) as link:
        link.change(Conditions(outages=((0.0, 0.4), (30.0, 31.0))))
        time.sleep(0.1)
        with pytest.raises(OSError), connect(link) as connection:
            round_trip(connection)
        deadline = time.monotonic() + 10
        while True:
            try:
                with connect(link) as connection:
                    round_trip(connection)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_a_service_that_is_not_there_resets(echo):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    with network.link(nobody) as link, pytest.raises(OSError), connect(link) as connection:
        round_trip(connection)


def test_eavesdropping_keeps_both_ways_and_only_from_then_on(echo):
    with network.link(echo) as link, connect(link) as connection:
        round_trip(connection, b"before")
        link.eavesdrop()
        round_trip(connection, b"secret")
        assert {way: b"".join(pieces) for way, pieces in link.overheard().items()} == {
            "up": b"secret",
            "down": b"secret",
        }


def test_the_address_keeps_the_scheme(echo):
    with network.link(f"http://{echo}/") as link:
        assert link.address.startswith("http://127.0.0.1:")
        assert link.address != f"http://{echo}"


@pytest.mark.parametrize("target", ["http://127.0.0.1", "127.0.0.1:", "localhost"])
def test_a_target_without_a_port_is_refused(target):
    with pytest.raises(ValueError, match="port"), network.link(target):
        pass


def test_a_link_that_has_ended_says_so(echo, reader):
    with network.link(echo) as link:
        pass
    with pytest.raises(CourseError, match="ya no está en marcha" if reader == "es" else "not running"):
        link.cut()


def test_a_silent_outage_holds_back_what_is_sent_and_resets_nothing(echo):
    with network.link(echo, Conditions(silent=True)) as link, connect(link) as connection:
        round_trip(connection)
        link.cut()
        with connect(link) as later:  # accepted: the client does not notice
            for one in (connection, later):
                one.sendall(b"hello")
                one.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    one.recv(5)
            link.restore()
            for one in (connection, later):
                one.settimeout(10)
                assert one.recv(5) == b"hello"
        assert link.counters.resets == 0


def test_a_link_follows_a_service_that_comes_back_elsewhere(echo):
    with socket.create_server(("127.0.0.1", 0)) as silent, network.link(echo) as link:
        with connect(link) as before:
            round_trip(before)
            link.point_to(f"http://127.0.0.1:{silent.getsockname()[1]}")
            round_trip(before)  # it stays where it was
            silent.settimeout(10)
            with connect(link) as after:
                after.sendall(b"hello")
                other, _ = silent.accept()
                with other:
                    assert other.recv(5) == b"hello"
        with pytest.raises(ValueError, match="host and port"):
            link.point_to("http://127.0.0.1")


@pytest.mark.parametrize(
    "figures",
    [
        {"rtt_ms": -1},
        {"jitter_ms": -1},
        {"up_kbps": 0},
        {"outages": ((2, 1),)},
        {"outages": ((1, 3), (2, 4))},
        {"outages": ((-1, 1),)},
    ],
)
def test_conditions_that_make_no_sense_are_refused(figures):
    with pytest.raises(ValueError):
        Conditions(**figures)


def test_random_outages_are_seeded_ordered_and_of_the_asked_share():
    outages = random_outages(seed=5, seconds=20_000, up_s=6, down_s=3)
    assert outages == random_outages(seed=5, seconds=20_000, up_s=6, down_s=3)
    assert outages != random_outages(seed=6, seconds=20_000, up_s=6, down_s=3)
    Conditions(outages=outages)  # in order
    assert sum(end - begin for begin, end in outages) / 20_000 == pytest.approx(1 / 3, abs=0.05)


def test_every_profile_says_where_its_figures_come_from():
    assert list(PROFILES) == ["lan", "fibre", "4g", "3g", "train"]
    assert all(profile.source for profile in PROFILES.values())
    assert PROFILES["train"].outages
