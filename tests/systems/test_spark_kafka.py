"""Spark over Kafka: the columns of the official connector, batch equal to stream, nothing lost after a crash."""

import contextlib
import json
import os
import socket
import subprocess
import time

import pytest
from confluent_kafka import Producer

from mlprod.errors import CourseError
from mlprod.systems import kafka, processes, spark, spark_kafka, spark_worker
from mlprod.systems.spark_kafka_options import EARLIEST, LATEST, Options
from mlprod.systems.spark_kafka_reader import portion, slices

OFFICIAL = [
    ("key", "binary"),
    ("value", "binary"),
    ("topic", "string"),
    ("partition", "int"),
    ("offset", "bigint"),
    ("timestamp", "timestamp"),
    ("timestampType", "int"),
]
COUNT = 60


def produce(cluster: kafka.Cluster, topic: str, start: int, end: int) -> None:
    producer = Producer(cluster.config())
    for number in range(start, end):
        headers = [("n", b"%d" % number)] if number % 2 else None
        producer.produce(topic, b"%d" % number, b"k%d" % (number % 5), headers=headers, timestamp=1_000 + number)
    assert producer.flush(20) == 0


@pytest.fixture(scope="module")
def cluster(session):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KAFKA_BOOTSTRAP", raising=False)
        with kafka.cluster() as cluster:
            yield cluster


@pytest.fixture(scope="module")
def topic(cluster):
    topic = cluster.create_topic("numbers", partitions=2)
    produce(cluster, topic, 0, COUNT)
    return topic


def read(session, cluster, topic, **options):
    source = spark_kafka.format(session)
    return session.read.format(source).options(**spark_kafka.options(cluster, subscribe=topic, **options)).load()


def stream(session, cluster, topic, **options):
    source = spark_kafka.format(session)
    chosen = spark_kafka.options(cluster, subscribe=topic, startingOffsets="earliest", **options)
    return session.readStream.format(source).options(**chosen).load()


def features(frame):
    """One definition for both ways."""
    return (
        frame.selectExpr("CAST(key AS STRING) AS key", "CAST(CAST(value AS STRING) AS INT) AS n")
        .groupBy("key")
        .sum("n")
    )


def run(query) -> list[int]:
    """The number of rows of each micro-batch of a query with trigger(availableNow=True)."""
    assert query.awaitTermination(120)
    assert query.exception() is None
    return [progress["numInputRows"] for progress in query.recentProgress if progress["numInputRows"]]


def test_the_columns_are_the_official_ones(session, cluster, topic):
    assert spark_kafka.format(session) == "kafka_py"
    frame = read(session, cluster, topic)
    assert frame.dtypes == OFFICIAL
    rows = {int(row.value): row for row in frame.collect()}
    assert sorted(rows) == list(range(COUNT))
    row = rows[7]
    assert (row.key, row.topic, row.timestampType) == (b"k2", topic, 0) and row.timestamp.microsecond == 7000
    assert {r.offset for r in rows.values() if r.partition == 0} == set(
        range(sum(r.partition == 0 for r in rows.values()))
    )


def test_headers_when_asked_for(session, cluster, topic):
    frame = read(session, cluster, topic, includeHeaders="true")
    assert frame.dtypes == [*OFFICIAL, ("headers", "array<struct<key:string,value:binary>>")]
    rows = {int(row.value): row.headers for row in frame.collect()}
    assert [tuple(header) for header in rows[7]] == [("n", b"7")] and rows[8] is None


def test_batch_and_stream_give_the_same_and_the_limit_holds(session, cluster, topic):
    query = (
        features(stream(session, cluster, topic, maxOffsetsPerTrigger=25))
        .writeStream.format("memory")
        .queryName("same")
        .outputMode("complete")
        .option("checkpointLocation", str(spark.checkpoint("same")))
        .trigger(availableNow=True)
        .start()
    )
    assert run(query) == [25, 25, 10]
    assert sorted(session.table("same").collect()) == sorted(features(read(session, cluster, topic)).collect())
    saved = json.loads((spark.checkpoint("same") / "offsets" / "0").read_text().splitlines()[-1])
    assert sum(saved[topic].values()) == 25, "the checkpoint has the official connector's form"


def test_offsets_say_what_is_read(session, cluster, topic):
    ends = {
        row.partition: row.end
        for row in read(session, cluster, topic)
        .groupBy("partition")
        .agg({"offset": "max"})
        .toDF("partition", "end")
        .collect()
    }
    chosen = read(
        session,
        cluster,
        topic,
        startingOffsets=json.dumps({topic: {"0": 3, "1": ends[1]}}),
        endingOffsets=json.dumps({topic: {"0": 5, "1": LATEST}}),
    )
    assert {(r.partition, r.offset) for r in chosen.collect()} == {(0, 3), (0, 4), (1, ends[1])}


def test_an_empty_topic(session, cluster):
    empty = cluster.create_topic("empty")
    assert read(session, cluster, empty).collect() == []
    query = stream(session, cluster, empty).writeStream.format("noop").trigger(availableNow=True).start()
    assert run(query) == []


def test_a_restart_goes_on_exactly_where_it_was(session, cluster):
    source, target = cluster.create_topic("source"), cluster.create_topic("target")
    name = spark_kafka.format(session)

    def copy() -> list[int]:
        query = (
            stream(session, cluster, source)
            .select("key", "value")
            .writeStream.format(name)
            .options(**spark_kafka.options(cluster, topic=target))
            .option("checkpointLocation", str(spark.checkpoint("copy")))
            .trigger(availableNow=True)
            .start()
        )
        return run(query)

    produce(cluster, source, 0, 10)
    assert copy() == [10]
    produce(cluster, source, 10, 25)
    assert copy() == [15] and copy() == []
    copied = read(session, cluster, target)
    assert sorted(int(row.value) for row in copied.collect()) == list(range(25))
    assert copied.where("key = CAST('k3' AS BINARY)").count() == 5


def test_writing_rows(session, cluster):
    target = cluster.create_topic("written", partitions=2)
    rows = session.sql(
        f"SELECT '{target}' AS topic, CAST(id AS STRING) AS value, CAST(id % 2 AS INT) AS partition, "
        "array(named_struct('key', 'h', 'value', CAST('x' AS BINARY))) AS headers FROM range(6)"
    )
    rows.write.format(spark_kafka.format(session)).options(**spark_kafka.options(cluster)).mode("append").save()
    found = read(session, cluster, target, includeHeaders="true").collect()
    assert {(row.key, row.partition) for row in found if int(row.value) % 2} == {(None, 1)} and len(found) == 6
    assert [tuple(header) for header in found[0].headers] == [("h", b"x")]


def test_a_killed_driver_repeats_at_most_a_batch_and_loses_nothing(session, cluster):
    source, folder = cluster.create_topic("doomed"), spark.workspace() / "sink"
    folder.mkdir()
    checkpoint = str(spark.checkpoint("doomed"))

    def start(own, wait: bool):
        """Each micro-batch appends its numbers to a log and writes them to a file named after it: idempotent."""

        def sink(frame, number):
            values = sorted(int(row.value) for row in frame.collect())
            with open(folder / "log", "a") as log:
                log.write(json.dumps([number, values]) + "\n")
            (folder / f"{number}.json").write_text(json.dumps(values))
            if wait and number == 1:
                (folder / "written").touch()
                time.sleep(300)  # written, and not yet in the checkpoint

        frame = stream(own, cluster, source, maxOffsetsPerTrigger=10).writeStream.foreachBatch(sink)
        return frame.option("checkpointLocation", checkpoint).trigger(availableNow=True).start()

    def driver():
        start(spark.session(), wait=True).awaitTermination()

    produce(cluster, source, 0, 35)
    victim = processes.start(driver)
    deadline = time.monotonic() + 270
    while not (folder / "written").exists() and time.monotonic() < deadline and victim.alive:
        time.sleep(0.05)
    assert victim.alive, victim.output
    victim.kill()
    assert run(start(session, wait=False)) == [10, 10, 5]
    log = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert [number for number, _ in log] == [0, 1, 1, 2, 3] and log[1] == log[2], (
        "the same batch again, record by record"
    )
    files = [json.loads((folder / f"{number}.json").read_text()) for number in range(4)]
    assert sorted(sum(files, [])) == list(range(35)), "an idempotent sink has each record once"


@contextlib.contextmanager
def refused(*words):
    with pytest.raises(Exception) as told:
        yield
    assert [word for word in words if word not in str(told.value)] == []


def test_mistakes_are_told(session, cluster, topic):
    with refused("nothing_there", topic):
        read(session, cluster, "nothing_there").collect()
    with refused("minpartitions", "maxOffsetsPerTrigger"):
        read(session, cluster, topic, minPartitions="3").collect()
    with refused("kafka.bootstrap.servers", "127.0.0.1:1"):
        read(session, "127.0.0.1:1", topic, **{"kafkaConsumer.pollTimeoutMs": 1000}).collect()
    name = spark_kafka.format(session)
    with refused("value", "id"):
        session.range(3).write.format(name).options(**spark_kafka.options(cluster, topic=topic)).mode("append").save()
    query = stream(session, "127.0.0.1:1", topic, **{"kafkaConsumer.pollTimeoutMs": 1000}).writeStream.format("noop")
    with refused("kafka.bootstrap.servers"):
        query.start().awaitTermination(60)


@pytest.mark.parametrize(
    ("given", "reading", "words"),
    [
        ({}, "batch", "kafka.bootstrap.servers"),
        ({"kafka.bootstrap.servers": "b"}, "batch", "subscribe"),
        ({"subscribe": "a", "endingOffsets": "latest"}, "stream", "endingOffsets"),
        ({"subscribe": "a", "startingOffsets": "latest"}, "batch", "latest"),
        ({"subscribe": "a", "startingOffsets": "tomorrow"}, "batch", "startingOffsets"),
        ({"subscribe": "a", "maxOffsetsPerTrigger": "0"}, "stream", "maxOffsetsPerTrigger"),
        ({"subscribe": "a", "maxOffsetsPerTrigger": "many"}, "stream", "maxOffsetsPerTrigger"),
        ({"subscribe": "a", "includeHeaders": "yes"}, "batch", "includeHeaders"),
        ({"subscribePattern": "a.*"}, "batch", "subscribepattern"),
        ({"topic": "a", "subscribe": "b"}, None, "subscribe"),
    ],
)
def test_options_are_checked(given, reading, words, reader):
    server = {} if given.keys() <= {"kafka.bootstrap.servers"} else {"kafka.bootstrap.servers": "b:1"}
    with pytest.raises(CourseError, match=words):
        Options(given | server, reading=reading, writing=reading is None)


def test_options_of_each_direction():
    told = Options({"kafka.bootstrap.servers": "b:1", "SUBSCRIBE": "a, b"}, reading="stream")
    assert (told.topics, told.starting, told.properties) == (["a", "b"], LATEST, {"bootstrap.servers": "b:1"})
    told = Options({"kafka.bootstrap.servers": "b:1", "subscribe": "a"}, reading="batch")
    assert (told.starting, told.ending, told.fail_on_data_loss, told.headers) == (EARLIEST, LATEST, True, False)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 100])
def test_a_limit_is_shared_and_always_advances(limit):
    start, end = {"a": {"0": 5, "1": 0}}, {"a": {"0": 5, "1": 3, "2": 7}, "b": {"0": 1}}
    taken = 0
    for _ in range(20):
        following = portion(start, end, limit)
        took = sum(part.end - part.start for part in slices(start, following))
        assert took <= limit and all(part.start < part.end for part in slices(start, following))
        assert took > 0 or following == end
        taken, start = taken + took, following
    assert taken == 11 and start == end


@pytest.mark.kafka
@pytest.mark.skipif(not os.environ.get("KAFKA_BOOTSTRAP"), reason="KAFKA_BOOTSTRAP names no real Kafka")
def test_a_real_kafka(session):
    with kafka.cluster() as real:
        topic = real.create_topic("numbers", partitions=2)
        produce(real, topic, 0, 20)
        assert features(read(session, real, topic)).count() == 5
        query = stream(session, real, topic, maxOffsetsPerTrigger=15).writeStream.format("noop")
        assert run(query.trigger(availableNow=True).start()) == [15, 5]


def test_the_helper_of_a_stream_connects_before_it_imports(tmp_path):
    """Spark's ten seconds for it must be enough on a busy machine."""
    module = tmp_path / "pyspark" / "slow.py"  # stands in for pyspark's helper, whose imports take long
    module.parent.mkdir()
    (module.parent / "__init__.py").touch()
    (module.parent / "util.py").write_text("import time\ntime.sleep(1)\n")
    module.write_text(
        "import pyspark.util, sys\nfile, _ = pyspark.util.local_connect_and_auth(1, 'x')\n"
        "file.write(b'%s' % __name__.encode()); file.flush()\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        environment = {
            "PYTHON_WORKER_FACTORY_PORT": str(server.getsockname()[1]),
            "PYTHON_WORKER_FACTORY_SECRET": "abc",
        }
        worker = subprocess.Popen(
            [spark_worker.python(tmp_path), "-m", "pyspark.slow"], cwd=tmp_path, env=os.environ | environment
        )
        connection, _ = server.accept()
        connection.settimeout(10)
        with connection, connection.makefile("rwb") as file:
            assert file.read(7) == b"\0\0\0\3abc"
            file.write(b"\0\0\0\2ok")
            file.flush()
            answered = time.monotonic()
            assert file.read(8) == b"__main__" and time.monotonic() - answered > 0.9
        assert worker.wait(10) == 0
