"""librdkafka's mock cluster through ctypes: a broker that speaks the Kafka protocol, without Java and without docker.

Its C API (rdkafka_mock.h) is marked experimental upstream; nothing outside this module knows it. The cluster keeps its
records in memory and **drops the oldest without a word** when a partition passes 5 MiB or 100,000 batches. `Quota`
prevents that: with debug=mock the broker reports each request before it handles it and each append after, in its own
thread, so the account is exact and a write that might not fit is refused before it happens.
"""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass, field

KEPT_BYTES = 5 * 1024 * 1024
KEPT_BATCHES = 100_000
_LARGEST_BATCH = 1_000_000 + 4096
"""A producer's `message.max.bytes` by default, and what the protocol adds to it."""
_PRODUCE = 0
"""Number of the Produce request in the Kafka protocol."""
_POLICY_VIOLATION = 44
"""The error that refused producers get: not one they retry."""
_REBALANCE_DELAY_MS = 50

_APPEND = re.compile(
    rb"Log append (?P<topic>\S+) \[(?P<partition>\d+)\] \d+ messages, (?P<bytes>\d+) bytes .*"
    rb"\(log now (?P<start>-?\d+)\.\."
)
_Log = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)


@dataclass
class Usage:
    """What one partition holds."""

    bytes: int = 0
    batches: int = 0
    first_offset: int = 0

    @property
    def full(self) -> bool:
        """Whether the next batch might push out the oldest."""
        return self.bytes > KEPT_BYTES - _LARGEST_BATCH or self.batches >= KEPT_BATCHES - 1


@dataclass
class Quota:
    """The account of what the broker holds."""

    usage: dict[tuple[str, int], Usage] = field(default_factory=dict)
    full: tuple[str, int] | None = None
    """The first partition without room; from then on every write to the cluster is refused."""
    refused: int = 0
    """Produce requests refused."""
    trimmed: tuple[str, int] | None = None
    """A partition that lost records all the same (a batch larger than `message.max.bytes` by default)."""

    def appended(self, topic: str, partition: int, size: int, first_offset: int) -> None:
        usage = self.usage.setdefault((topic, partition), Usage())
        usage.bytes += size
        usage.batches += 1
        usage.first_offset = first_offset
        if usage.full and self.full is None:
            self.full = (topic, partition)
        if first_offset > 0 and self.trimmed is None:
            self.trimmed = (topic, partition)


class MockCluster:
    """A running mock cluster of `brokers` brokers, numbered from 1, on free ports of 127.0.0.1."""

    def __init__(self, brokers: int):
        self.quota = Quota()
        self._library = _load()
        self._on_log = _Log(self._log)  # kept: C holds only a pointer
        message = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        for name, value in ((b"debug", b"mock"), (b"log.thread.name", b"false")):
            if self._library.rd_kafka_conf_set(settings, name, value, message, len(message)):
                raise RuntimeError(message.value.decode())
        self._library.rd_kafka_conf_set_log_cb(settings, self._on_log)
        self._client = self._library.rd_kafka_new(0, settings, message, len(message))
        if not self._client:
            raise RuntimeError(message.value.decode())
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        if not self._cluster:
            raise RuntimeError("rd_kafka_mock_cluster_new")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, _REBALANCE_DELAY_MS)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create_topic(self, name: str, partitions: int, replicas: int) -> None:
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, replicas))

    def set_broker(self, broker: int, up: bool) -> None:
        """Open or close `broker`'s port; its connections break when it goes down. Its records stay."""
        switch = self._library.rd_kafka_mock_broker_set_up if up else self._library.rd_kafka_mock_broker_set_down
        self._check(switch(self._cluster, broker))

    def set_round_trip(self, broker: int, milliseconds: int) -> None:
        """Delay each answer of `broker` so that a request takes at least `milliseconds`."""
        self._check(self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds))

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def _log(self, _client: int, level: int, _facility: bytes, text: bytes) -> None:
        """Called by the broker's own thread: before it handles a request, and after it has appended a batch."""
        if b"Received ProduceRequest" in text:
            if self.quota.full:
                self.quota.refused += 1
                error = (ctypes.c_int * 1)(_POLICY_VIOLATION)
                self._library.rd_kafka_mock_push_request_errors_array(self._cluster, _PRODUCE, 1, error)
        elif found := _APPEND.search(text):
            self.quota.appended(
                found["topic"].decode(), int(found["partition"]), int(found["bytes"]), int(found["start"])
            )
        elif level < 5:
            print(text.decode(errors="replace"), file=sys.stderr)

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(self._library.rd_kafka_err2str(code).decode())


def _load() -> ctypes.CDLL:
    """The very librdkafka that confluent-kafka uses: its extension module's symbols include those it depends on."""
    from confluent_kafka import cimpl

    library = ctypes.CDLL(cimpl.__file__)
    pointer, number, text, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t
    for name, result, *arguments in (
        ("rd_kafka_conf_new", pointer),
        ("rd_kafka_conf_set", number, pointer, text, text, text, size),
        ("rd_kafka_conf_set_log_cb", None, pointer, _Log),
        ("rd_kafka_new", pointer, number, pointer, text, size),
        ("rd_kafka_destroy", None, pointer),
        ("rd_kafka_err2str", text, number),
        ("rd_kafka_mock_cluster_new", pointer, pointer, number),
        ("rd_kafka_mock_cluster_destroy", None, pointer),
        ("rd_kafka_mock_cluster_bootstraps", text, pointer),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, pointer, ctypes.c_int32),
        ("rd_kafka_mock_topic_create", number, pointer, text, number, number),
        ("rd_kafka_mock_broker_set_down", number, pointer, ctypes.c_int32),
        ("rd_kafka_mock_broker_set_up", number, pointer, ctypes.c_int32),
        ("rd_kafka_mock_broker_set_rtt", number, pointer, ctypes.c_int32, number),
        ("rd_kafka_mock_push_request_errors_array", None, pointer, ctypes.c_int16, size, ctypes.POINTER(number)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
