"""The reading half of the data source `kafka_py`: which offsets there are, how many to take, the records themselves.

An offset is that of the next record to read, as in Kafka; Spark keeps those of each micro-batch in its checkpoint, and
nothing is committed to Kafka.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from pyspark.sql.datasource import DataSourceReader, DataSourceStreamReader, InputPartition
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.streaming.datasource import ReadAllAvailable, ReadLimit, ReadMaxRows, SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.spark_kafka_options import EARLIEST, LATEST, Offsets, Options

BATCH_RECORDS = 10_000
"""Records in one Arrow batch at most, so that a task's memory does not grow with the backlog."""


@dataclass
class Slice(InputPartition):
    """The records of one partition from offset `start` up to and without `end`: the work of one task."""

    topic: str
    number: int
    start: int
    end: int


class _Kafka:
    """A consumer that answers questions on offsets."""

    def __init__(self, options: Options):
        self._options = options
        self._consumer = consumer(options)

    def range(self) -> dict[tuple[str, int], tuple[int, int]]:
        """(topic, partition) -> (first offset that is kept, offset of the next record to be written)."""
        timeout = self._options.timeout_s
        with _explained(self._options):
            known = self._consumer.list_topics(timeout=timeout).topics  # all: asking for one by name can create it
            found = {}
            for topic in self._options.topics:
                if topic not in known:
                    raise CourseError(
                        tr(
                            es=f"No existe el topic {topic!r}. Hay: {', '.join(sorted(known)) or 'ninguno'}.",
                            en=f"There is no topic {topic!r}. There are: {', '.join(sorted(known)) or 'none'}.",
                        )
                    )
                for number in known[topic].partitions:
                    found[topic, number] = self._consumer.get_watermark_offsets(
                        TopicPartition(topic, number), timeout=timeout
                    )
        return found

    def place(self, wanted: int | Offsets) -> Offsets:
        """The offset in each partition that `wanted` (EARLIEST, LATEST, or one for each) stands for."""
        offsets: Offsets = {}
        for (topic, number), (first, end) in self.range().items():
            told = wanted if isinstance(wanted, int) else wanted.get(topic, {}).get(str(number))
            if told is None:
                raise CourseError(
                    tr(
                        es=f"Falta el offset de la partición {number} de {topic!r}: hace falta uno por partición.",
                        en=f"The offset of partition {number} of {topic!r} is missing: each partition needs one.",
                    )
                )
            offsets.setdefault(topic, {})[str(number)] = {EARLIEST: first, LATEST: end}.get(told, told)
        return offsets

    def close(self) -> None:
        self._consumer.close()


class _Reader:
    def __init__(self, options: Options, schema: StructType):
        self.options, self.schema = options, schema

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        if not isinstance(partition, Slice):  # Spark's stand-in for an empty list of partitions
            return iter(())
        return records(self.options, to_arrow_schema(self.schema, timezone="UTC"), partition)


class BatchReader(_Reader, DataSourceReader):
    """`session.read`: everything between startingOffsets and endingOffsets, once."""

    def partitions(self) -> list[Slice]:
        with contextlib.closing(_Kafka(self.options)) as kafka:
            return slices(kafka.place(self.options.starting), kafka.place(self.options.ending))


class StreamReader(_Reader, DataSourceStreamReader, SupportsTriggerAvailableNow):
    """`session.readStream`: Spark asks it, in the driver's helper process, how far the next micro-batch goes."""

    def __init__(self, options: Options, schema: StructType):
        super().__init__(options, schema)
        self._kafka: _Kafka | None = None
        self._target: Offsets | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kafka": None}  # it travels to the tasks for the sake of `read`

    def initialOffset(self) -> Offsets:
        return self._ask().place(self.options.starting)

    def getDefaultReadLimit(self) -> ReadLimit:
        return ReadMaxRows(self.options.max_offsets) if self.options.max_offsets else ReadAllAvailable()

    def latestOffset(self, start: Offsets, limit: ReadLimit) -> Offsets:
        end = self._target or self._ask().place(LATEST)
        start = self._checked(start, end)
        return end if not isinstance(limit, ReadMaxRows) else portion(start, end, limit.max_rows)

    def reportLatestOffset(self) -> Offsets:
        return self._ask().place(LATEST)

    def prepareForTriggerAvailableNow(self) -> None:
        self._target = self._ask().place(LATEST)

    def partitions(self, start: Offsets, end: Offsets) -> list[Slice]:
        return slices(start, end)

    def stop(self) -> None:
        if self._kafka is not None:
            self._kafka.close()
            self._kafka = None

    def _ask(self) -> _Kafka:
        if self._kafka is None:
            self._kafka = _Kafka(self.options)
        return self._kafka

    def _checked(self, start: Offsets, end: Offsets) -> Offsets:
        """`start`, where a partition that is new since then begins at 0. Raises CourseError when records are gone."""
        for topic, numbers in end.items():
            for number, last in numbers.items():
                if start.get(topic, {}).get(number, 0) > last and self.options.fail_on_data_loss:
                    raise lost(topic, number, start[topic][number])
        return start


def portion(start: Offsets, end: Offsets, records: int) -> Offsets:
    """The offsets after at most `records` records more than `start`, divided in proportion to what each has waiting."""
    waiting = {
        (topic, number): max(0, last - start.get(topic, {}).get(number, 0))
        for topic, numbers in end.items()
        for number, last in numbers.items()
    }
    total = sum(waiting.values())
    if total <= records:
        return end
    shares = {where: count * records // total for where, count in waiting.items()}
    for where in sorted(waiting, key=lambda w: waiting[w] - shares[w], reverse=True):  # what the divisions left over
        if sum(shares.values()) == records:
            break
        shares[where] += min(1, waiting[where] - shares[where])
    return {
        topic: {n: start.get(topic, {}).get(n, 0) + shares[topic, n] for n in numbers} for topic, numbers in end.items()
    }


def slices(start: Offsets, end: Offsets) -> list[Slice]:
    """One for each partition that has records between `start` and `end`."""
    found = [
        Slice(topic, int(number), start.get(topic, {}).get(number, 0), last)
        for topic, numbers in end.items()
        for number, last in numbers.items()
    ]
    return [part for part in found if part.start < part.end]


def records(options: Options, schema: pa.Schema, part: Slice) -> Iterator[pa.RecordBatch]:
    """The records of `part` as Arrow batches with the columns of `schema`. Raises CourseError when some are gone."""
    with contextlib.closing(consumer(options)) as reader, _explained(options):
        reader.assign([TopicPartition(part.topic, part.number, part.start)])
        position, patience = part.start, time.monotonic() + options.timeout_s
        while position < part.end:
            batch = []
            for message in reader.consume(min(BATCH_RECORDS, part.end - position), timeout=0.5):
                problem = message.error()
                if problem is None:
                    position = message.offset() + 1  # offsets may have gaps: compaction, transaction markers
                    if message.offset() < part.end:
                        batch.append(message)
                elif problem.code() == KafkaError._PARTITION_EOF:
                    position = max(position, message.offset())
                elif problem.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                    if options.fail_on_data_loss:
                        raise lost(part.topic, str(part.number), position)
                    reader.assign([TopicPartition(part.topic, part.number, OFFSET_BEGINNING)])
                elif problem.fatal() or not problem.retriable():
                    raise KafkaException(problem)
            if batch:
                patience = time.monotonic() + options.timeout_s
                yield arrow(batch, schema)
            elif position < part.end and time.monotonic() > patience:
                raise CourseError(
                    tr(
                        es=f"{part.topic}, partición {part.number}: nada desde el offset {position} en "
                        f"{options.timeout_s:g} s. ¿Está el broker en marcha?",
                        en=f"{part.topic}, partition {part.number}: nothing from offset {position} on in "
                        f"{options.timeout_s:g} s. Is the broker running?",
                    )
                )


def arrow(messages: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    """`messages` as a batch with the official connector's columns."""
    times = [message.timestamp() for message in messages]
    columns = {
        "key": [message.key() for message in messages],
        "value": [message.value() for message in messages],
        "topic": [message.topic() for message in messages],
        "partition": [message.partition() for message in messages],
        "offset": [message.offset() for message in messages],
        "timestamp": [moment * 1000 for _, moment in times],
        # librdkafka counts 0: none, 1: the producer's, 2: the broker's; Kafka and the connector -1, 0, 1
        "timestampType": [kind - 1 for kind, _ in times],
    }
    if "headers" in schema.names:
        columns["headers"] = [
            [{"key": key, "value": value} for key, value in message.headers() or ()] or None for message in messages
        ]
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in schema], schema=schema)


def consumer(options: Options) -> Consumer:
    """A consumer that belongs to no group: it is told where to read. Raises CourseError for an unknown property."""
    own = {
        "group.id": "spark-kafka-py",  # librdkafka wants one; nothing is committed to it
        "isolation.level": "read_uncommitted",  # Kafka's default in Java and so the official connector's
        "fetch.wait.max.ms": 10,  # only records that exist are asked for: nothing to wait for
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "log_level": 2,
    }
    fixed = {"enable.auto.commit": False, "auto.offset.reset": "error", "enable.partition.eof": True}
    try:
        return Consumer(own | options.properties | fixed)
    except KafkaException as error:
        raise CourseError(
            tr(es=f"Una opción kafka.* no vale: {error}", en=f"An option kafka.* does not do: {error}")
        ) from None


def lost(topic: str, number: str, offset: int) -> CourseError:
    return CourseError(
        tr(
            es=f"{topic}, partición {number}: los registros desde el offset {offset} ya no están (borrados, o el topic "
            "es otro). Empieza con otro checkpoint, o sigue sin ellos con failOnDataLoss=false.",
            en=f"{topic}, partition {number}: the records from offset {offset} on are gone (deleted, or the topic is "
            "another one). Start with another checkpoint, or go on without them with failOnDataLoss=false.",
        )
    )


@contextlib.contextmanager
def _explained(options: Options) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise CourseError(
            tr(
                es=f"Kafka ({options.properties['bootstrap.servers']}) no responde: {error.args[0]}. "
                "Arranca ese clúster o corrige kafka.bootstrap.servers.",
                en=f"Kafka ({options.properties['bootstrap.servers']}) does not answer: {error.args[0]}. "
                "Start that cluster or correct kafka.bootstrap.servers.",
            )
        ) from None
