"""The writing half of the data source `kafka_py`: rows become records, and a task ends when the brokers have them.

At least once, as with the official connector: a micro-batch that is done again is written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaException, Producer
from pyspark.sql.datasource import DataSourceArrowWriter, DataSourceStreamArrowWriter, WriterCommitMessage
from pyspark.sql.types import BinaryType, DataType, IntegerType, StringType, StructType

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.spark_kafka_options import Options

FLUSH_SECONDS = 30.0
_TYPES: dict[str, tuple[type[DataType], ...]] = {
    "key": (StringType, BinaryType),
    "value": (StringType, BinaryType),
    "topic": (StringType,),
    "partition": (IntegerType,),
}


class _Writer:
    """Columns: value, and optionally key, topic, partition, headers; the option "topic" goes before the column."""

    def __init__(self, options: Options, schema: StructType):
        self.options = options
        self.names = schema.names
        if "value" not in self.names:
            raise CourseError(
                tr(
                    es=f"Falta la columna «value»: hay {', '.join(self.names)}. Por ejemplo: "
                    'df.selectExpr("CAST(id AS STRING) AS key", "to_json(struct(*)) AS value")',
                    en=f"The column 'value' is missing: there are {', '.join(self.names)}. For example: "
                    'df.selectExpr("CAST(id AS STRING) AS key", "to_json(struct(*)) AS value")',
                )
            )
        for field in schema.fields:
            if field.name in _TYPES and not isinstance(field.dataType, _TYPES[field.name]):
                wanted = " / ".join(kind().simpleString() for kind in _TYPES[field.name])
                found = field.dataType.simpleString()
                raise CourseError(
                    tr(
                        es=f"La columna «{field.name}» es {found} y ha de ser {wanted}: conviértela con CAST.",
                        en=f"The column '{field.name}' is {found} and must be {wanted}: convert it with CAST.",
                    )
                )
        if options.topic is None and "topic" not in self.names:
            raise CourseError(
                tr(
                    es='Falta el topic: la opción "topic" o una columna «topic».',
                    en="The topic is missing: the option \"topic\" or a column 'topic'.",
                )
            )

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        failures: list[Any] = []
        producer = _producer(self.options)
        try:
            for batch in iterator:
                for row in batch.to_pylist():
                    self._send(producer, row, failures)
                    if failures:
                        break
            left = producer.flush(FLUSH_SECONDS)
        except KafkaException as error:
            raise self._undelivered(error.args[0]) from None
        if failures or left:
            raise self._undelivered(failures[0] if failures else f"{left} > {FLUSH_SECONDS:g} s")
        return WriterCommitMessage()

    def _send(self, producer: Producer, row: dict[str, Any], failures: list[Any]) -> None:
        topic = self.options.topic or row["topic"]
        if topic is None:
            raise CourseError(
                tr(es="Una fila no dice a qué topic va (null).", en="A row does not say which topic it goes to (null).")
            )
        place = {"partition": row["partition"]} if row.get("partition") is not None else {}
        headers = [(header["key"], header["value"]) for header in row.get("headers") or ()]
        while True:
            try:
                producer.produce(
                    topic,
                    row["value"],
                    row.get("key"),
                    headers=headers,
                    on_delivery=lambda error, _: failures.append(error) if error else None,
                    **place,
                )
                producer.poll(0)
                return
            except BufferError:  # the producer's queue is full: wait until some are delivered
                producer.poll(0.05)

    def _undelivered(self, reason: Any) -> CourseError:
        where = self.options.properties["bootstrap.servers"]
        return CourseError(
            tr(
                es=f"Kafka ({where}) no ha aceptado todos los registros: {reason}. El lote se escribirá otra vez.",
                en=f"Kafka ({where}) did not accept all records: {reason}. The batch will be written again.",
            )
        )


class BatchWriter(_Writer, DataSourceArrowWriter):
    """`df.write`."""


class StreamWriter(_Writer, DataSourceStreamArrowWriter):
    """`df.writeStream`."""


def _producer(options: Options) -> Producer:
    own = {
        "enable.idempotence": True,
        "linger.ms": 5,
        "message.timeout.ms": int(FLUSH_SECONDS * 1000) - 5000,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "log_level": 2,
    }
    try:
        return Producer(own | options.properties)
    except KafkaException as error:
        raise CourseError(
            tr(es=f"Una opción kafka.* no vale: {error}", en=f"An option kafka.* does not do: {error}")
        ) from None
