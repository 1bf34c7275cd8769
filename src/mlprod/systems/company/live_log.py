"""A topic as the company uses it: JSON records appended by zone, and read from given offsets by whoever wants them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mlprod.errors import CourseError
from mlprod.language import tr

if TYPE_CHECKING:
    from mlprod.systems.kafka import Cluster

BATCH = 200
"""Most records that one `Reader.read` returns."""
FLUSH_SECONDS = READ_SECONDS = 10.0


class Topic(NamedTuple):
    """A topic of a cluster. It can travel to child processes."""

    cluster: Cluster
    name: str
    partitions: int

    @classmethod
    def create(cls, cluster: Cluster, name: str, partitions: int = 1) -> Topic:
        """Create it; on a real cluster its name gets a suffix, and it is deleted at the end."""
        return cls(cluster, cluster.create_topic(name, partitions), partitions)


class Writer:
    """Appends to a topic. Acknowledged by all replicas and without repetitions of its own (an idempotent producer)."""

    def __init__(self, topic: Topic):
        from confluent_kafka import Producer

        self._topic, self._partitions = topic.name, topic.partitions
        self._failures: list[str] = []
        self._producer = Producer(topic.cluster.config(enable_idempotence=True, linger_ms=1))

    def write(self, record: Any, zone: int = 0) -> None:
        """Append `record` to the partition of `zone`. It is on its way: `flush` says whether it got there.

        The zone is also the key. The partition is not left to the key's hash, which may put two zones together: so the
        last record of a partition is the last of its zone.
        """
        packed = json.dumps(record, separators=(",", ":")).encode()
        partition = zone % self._partitions
        self._producer.produce(
            self._topic, packed, key=str(zone).encode(), partition=partition, on_delivery=self._delivered
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until all is acknowledged. Raises CourseError if something was not."""
        missing = self._producer.flush(FLUSH_SECONDS)
        if missing or self._failures:
            why = self._failures[0] if self._failures else tr(es="sin acuse de recibo", en="not acknowledged")
            raise CourseError(
                tr(
                    es=f"{missing + len(self._failures)} mensajes no han llegado a {self._topic}: {why}. "
                    "Vuelve a ejecutar la celda; si el Kafka es tuyo, mira si sigue en marcha.",
                    en=f"{missing + len(self._failures)} messages did not get to {self._topic}: {why}. "
                    "Run the cell again; if the Kafka is yours, see whether it is still up.",
                )
            )

    def _delivered(self, error: Any, _: Any) -> None:
        if error is not None:
            self._failures.append(str(error))


class Reader:
    """Reads all partitions of a topic, from `offsets` (one a partition; default: the beginning)."""

    def __init__(self, topic: Topic, offsets: Sequence[int] | None = None):
        from confluent_kafka import Consumer, TopicPartition

        self.offsets: list[int] = list(offsets or [0] * topic.partitions)
        """Of each partition, the offset of the next record: what `read` has returned lies before it."""
        # no group coordinates this reader: how far it got is its own business (see live_features)
        self._consumer = Consumer(topic.cluster.config(group_id="company", enable_auto_commit=False))
        self._places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        self._assign()

    def read(self, timeout: float) -> list[Any]:
        """The next records, at most 200, in order within a zone; [] when there are none for `timeout` seconds."""
        from confluent_kafka import KafkaException

        first = self._consumer.poll(timeout)  # it is not kept waiting for others
        messages = [] if first is None else [first, *self._consumer.consume(BATCH - 1, timeout=0)]
        records = []
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            self.offsets[message.partition()] = message.offset() + 1
            records.append(json.loads(message.value()))
        return records

    def skip_to_the_last(self) -> None:
        """Go on with the last record of each partition: enough for whoever wants only what is known now."""
        self.offsets = [max(0, end - 1) for end in self._ends()]
        self._assign()

    def read_to_the_end(self) -> list[Any]:
        """All that the topic holds at this moment and has not been read yet. Raises CourseError if it does not come."""
        ends, records, patience = self._ends(), [], time.monotonic() + READ_SECONDS
        while any(offset < end for offset, end in zip(self.offsets, ends, strict=True)):
            if time.monotonic() > patience:
                raise CourseError(
                    tr(
                        es="Kafka no entrega lo que dice que tiene: vuelve a ejecutar la celda.",
                        en="Kafka does not deliver what it says it has: run the cell again.",
                    )
                )
            records += self.read(0.5)
        return records

    def close(self) -> None:
        self._consumer.close()

    def _assign(self) -> None:
        from confluent_kafka import TopicPartition

        places = zip(self._places, self.offsets, strict=True)
        self._consumer.assign([TopicPartition(place.topic, place.partition, offset) for place, offset in places])

    def _ends(self) -> list[int]:
        return [self._consumer.get_watermark_offsets(place, timeout=READ_SECONDS)[1] for place in self._places]
