"""A topic in memory whose consumer has confluent-kafka's shape: it meets each commit at its worst moment.

topic = Topic(partitions=2)
topic.append(0, b"d1", b'{"eur": 12}')
consumer = topic.consumer({"enable.auto.commit": False})      # poll, commit, store_offsets…
topic.committed                                               # {0: 1} once it has committed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition


class Message:
    """A message as a consumer of confluent-kafka gives it."""

    def __init__(self, partition: int, offset: int, key: bytes | None, value: bytes):
        self._partition, self._offset, self._key, self._value = partition, offset, key, value

    def topic(self) -> str:
        return Topic.name

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes:
        return self._value

    def headers(self) -> None:
        return None

    def error(self) -> None:
        return None

    def __repr__(self) -> str:
        return f"<Message partition={self._partition} offset={self._offset} key={self._key!r}>"


class Topic:
    """A topic in memory, with the offsets that its one group has committed."""

    name = "rides"

    def __init__(self, partitions: int = 2):
        self.partitions: list[list[Message]] = [[] for _ in range(partitions)]
        self.committed: dict[int, int] = {}
        """By partition: the offset at which the group's next life begins; absent if it has committed none."""

    def append(self, partition: int, key: bytes | None, value: bytes) -> int:
        """Add a message; its offset."""
        log = self.partitions[partition]
        log.append(Message(partition, len(log), key, value))
        return len(log) - 1

    def lag(self) -> int:
        """Messages after the committed offsets."""
        return sum(len(log) - self.committed.get(number, 0) for number, log in enumerate(self.partitions))

    def consumer(self, settings: dict[str, Any] | None = None) -> TopicConsumer:
        """A new consumer of the group, at the committed offsets (or the beginning), with confluent-kafka's settings."""
        return TopicConsumer(self, settings or {})


class TopicConsumer:
    """Consumer of a `Topic`: as librdkafka's, at the worst moment that its documentation allows.

    With `enable.auto.commit` the background commit comes as soon as there is something to commit. A commit that nobody
    waits for (`asynchronous=True`, the default) arrives with the next call, or never if the process dies before.
    """

    def __init__(self, topic: Topic, settings: dict[str, Any]):
        self._topic = topic
        self._auto_commit = _true(settings.get("enable.auto.commit", True))
        self._auto_store = _true(settings.get("enable.auto.offset.store", True))
        self._position = {number: topic.committed.get(number, 0) for number in range(len(topic.partitions))}
        self._stored: dict[int, int] = {}
        self._on_the_way: dict[int, int] = {}
        self._turn = 0

    def poll(self, timeout: float | None = None) -> Message | None:
        """The next message, from each partition in turn; None at the end."""
        self.settle()
        for _ in self._position:
            number, self._turn = self._turn, (self._turn + 1) % len(self._position)
            log = self._topic.partitions[number]
            if self._position[number] < len(log):
                message = log[self._position[number]]
                self._position[number] += 1
                if self._auto_store:
                    self._store({number: message.offset() + 1})
                return message
        return None

    def commit(
        self,
        message: Message | None = None,
        offsets: Sequence[TopicPartition] | None = None,
        asynchronous: bool = True,
    ) -> list[TopicPartition] | None:
        """Commit the offset after `message`, or `offsets`, or what is stored. Raises KafkaException when nothing is."""
        self.settle()
        named = _offsets(message, offsets)
        self._on_the_way = dict(self._stored) if named is None else named
        if not self._on_the_way:
            raise KafkaException(KafkaError(KafkaError._NO_OFFSET))
        committed = [TopicPartition(Topic.name, number, offset) for number, offset in self._on_the_way.items()]
        if asynchronous:
            return None
        self.settle()
        return committed

    def store_offsets(self, message: Message | None = None, offsets: Sequence[TopicPartition] | None = None) -> None:
        """Store the offset after `message`, or `offsets`, to be committed. Raises KafkaException if poll does it."""
        if self._auto_store:
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "enable.auto.offset.store"))
        self._store(_offsets(message, offsets) or {})

    def position(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.partition, self._position[p.partition]) for p in partitions]

    def committed(self, partitions: Sequence[TopicPartition], timeout: float | None = None) -> list[TopicPartition]:
        committed = self._topic.committed
        return [TopicPartition(p.topic, p.partition, committed.get(p.partition, OFFSET_INVALID)) for p in partitions]

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(Topic.name, number) for number in self._position]

    def subscribe(self, topics: Sequence[str], **_: Any) -> None:
        """Nothing: it has all the partitions from the start."""

    def settle(self) -> None:
        """Let the commits on their way arrive."""
        self._topic.committed |= self._on_the_way
        self._on_the_way = {}

    close = settle

    def _store(self, offsets: dict[int, int]) -> None:
        self._stored |= offsets
        if self._auto_commit:
            self._topic.committed |= offsets


def _true(setting: Any) -> bool:
    """librdkafka's reading of a boolean setting."""
    return str(setting).lower() in ("true", "t", "1")


def _offsets(message: Message | None, offsets: Sequence[TopicPartition] | None) -> dict[int, int] | None:
    if message is not None:
        return {message.partition(): message.offset() + 1}
    return None if offsets is None else {p.partition: p.offset for p in offsets}
