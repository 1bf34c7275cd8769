"""Kafka for Spark without the connector's jar: a Python Data Source (Spark 4) over confluent-kafka, batch and stream.

    source = spark_kafka.format(session)        # "kafka_py", or the official "kafka" where it is present
    events = (session.readStream.format(source).options(**spark_kafka.options(cluster, subscribe=topic))
              .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", 1000).load())

Same columns, types and option names as the official connector, so that the code of a lesson runs with either. Left
out of it: subscribePattern, assign, starting and ending timestamps, minPartitions, exactly as told when they are used.
The executors import this module: a cluster needs the course's package, as the image in docker/ has it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import DataSource
from pyspark.sql.types import StructType

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import spark_kafka_reader, spark_kafka_writer
from mlprod.systems.spark_kafka_options import Options

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from mlprod.systems.kafka import Cluster

NAME = "kafka_py"
OFFICIAL = "kafka"

COLUMNS = "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp, timestampType int"
HEADERS = ", headers array<struct<key: string, value: binary>>"


class KafkaSource(DataSource):
    """The data source `kafka_py`. Registered by `format`; Spark makes its objects."""

    @classmethod
    def name(cls) -> str:
        return NAME

    def schema(self) -> str:
        return COLUMNS + (HEADERS if Options(self.options).headers else "")

    def reader(self, schema: StructType) -> spark_kafka_reader.BatchReader:
        return spark_kafka_reader.BatchReader(Options(self.options, reading="batch"), schema)

    def streamReader(self, schema: StructType) -> spark_kafka_reader.StreamReader:
        return spark_kafka_reader.StreamReader(Options(self.options, reading="stream"), schema)

    def writer(self, schema: StructType, overwrite: bool) -> spark_kafka_writer.BatchWriter:
        if overwrite:
            raise CourseError(
                tr(
                    es='Kafka solo añade: escribe con mode("append").',
                    en='Kafka only appends: write with mode("append").',
                )
            )
        return spark_kafka_writer.BatchWriter(Options(self.options, writing=True), schema)

    def streamWriter(self, schema: StructType, overwrite: bool) -> spark_kafka_writer.StreamWriter:
        return spark_kafka_writer.StreamWriter(Options(self.options, writing=True), schema)


def format(session: SparkSession) -> str:
    """The name for `format(...)` in `session`: "kafka" or "kafka_py".

    The first where the official connector is present and KAFKA_BOOTSTRAP names a real Kafka; it has not been tried on
    the embedded one.
    """
    if os.environ.get("KAFKA_BOOTSTRAP") and _has_official(session):
        return OFFICIAL
    session.dataSource.register(KafkaSource)
    return NAME


def _has_official(session: SparkSession) -> bool:
    try:
        session.read.format(OFFICIAL).load()
    except Exception as error:  # where it is present, it complains that its options are missing
        return "Failed to find data source" not in str(error)
    return True


def options(cluster: Cluster | str, **more: Any) -> dict[str, str]:
    """Options for `options(**...)`: the brokers of `cluster` (or "host:port"), and yours as they are.

    For example `options(cluster, subscribe=topic, startingOffsets="earliest")` to read, `options(cluster, topic=topic)`
    to write.
    """
    bootstrap = cluster if isinstance(cluster, str) else cluster.bootstrap
    return {"kafka.bootstrap.servers": bootstrap} | {name: str(value) for name, value in more.items()}
