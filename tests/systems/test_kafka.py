"""The embedded cluster keeps every record that it accepts, refuses what would not fit, and travels to children."""

import os
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from mlprod.errors import CourseError
from mlprod.systems import kafka, processes
from mlprod.systems.workspace import workspace


@pytest.fixture
def embedded(monkeypatch):
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)


def produce(cluster: kafka.Cluster, topic: str, values: list[bytes], partition: int = 0) -> list:
    """Send `values`; returns the delivery errors, None for each record that the broker accepted."""
    producer, errors = Producer(cluster.config(linger_ms=5)), []
    for value in values:
        while True:
            try:
                producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: errors.append(error))
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(20) == 0
    return errors


def consume(cluster: kafka.Cluster, topic: str, partition: int = 0) -> list[bytes]:
    """All that the partition holds."""
    consumer = Consumer(cluster.config(group_id="reader", enable_auto_commit=False))
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)
    consumer.assign([TopicPartition(topic, partition, 0)])
    values, deadline = [], time.monotonic() + 10
    while len(values) < end and time.monotonic() < deadline:
        for message in consumer.consume(1000, timeout=0.2):
            assert message.error() is None
            values.append(message.value())
    consumer.close()
    return values


def test_records_go_through_child_processes(embedded):
    def driver(topic):
        return produce(cluster, topic, [b"%d" % i for i in range(100)])

    with kafka.cluster() as cluster:
        assert cluster.embedded and cluster.bootstrap.startswith("127.0.0.1:")
        topic = cluster.create_topic("demand")
        assert topic == "demand"
        assert processes.start(driver, topic).result() == [None] * 100
        assert consume(cluster, topic) == [b"%d" % i for i in range(100)]
        cluster.check()


def test_topics_have_the_partitions_asked_for(embedded):
    with kafka.cluster(brokers=3) as cluster:
        cluster.create_topic("positions", partitions=5)
        described = Producer(cluster.config()).list_topics(timeout=5)
        assert len(described.topics["positions"].partitions) == 5 and len(described.brokers) == 3
        with pytest.raises(CourseError, match="exists"):
            cluster.create_topic("positions")


@pytest.mark.parametrize("size", [200, 1024, 300_000])
def test_nothing_is_lost_silently_past_the_limit(embedded, reader, size):
    values = [b"%08d" % i + b"." * (size - 8) for i in range(8 * 2**20 // size)]
    with pytest.raises(kafka.DataLost, match=r"(?s)demand.*KAFKA_BOOTSTRAP"), kafka.cluster() as cluster:
        topic = cluster.create_topic("demand", partitions=2)
        errors = produce(cluster, topic, values)
        accepted = sum(error is None for error in errors)  # `== None` fails: KafkaError compares badly
        assert 0 < accepted < len(values)
        assert {e.name() for e in errors if e is not None} == {"POLICY_VIOLATION"}
        assert consume(cluster, topic) == values[:accepted]  # every record that it acknowledged is there
        assert accepted * size > 3.5 * 2**20


def test_a_loss_already_told_is_not_told_again(embedded):
    with kafka.cluster() as cluster:
        produce(cluster, cluster.create_topic("demand"), [b"." * 900_000] * 9)
        with pytest.raises(kafka.DataLost):
            cluster.check()


def test_a_loss_is_noted_on_another_error(embedded):
    with pytest.raises(KeyError) as error, kafka.cluster() as cluster:
        produce(cluster, cluster.create_topic("demand"), [b"." * 900_000] * 9)
        raise KeyError("zone")
    assert "demand" in error.value.__notes__[0]


def test_batches_larger_than_usual_are_noticed(embedded):
    with kafka.cluster() as cluster:
        topic = cluster.create_topic("demand")
        producer = Producer(cluster.config({"message.max.bytes": 4_000_000}))
        for _ in range(3):
            producer.produce(topic, b"." * 3_000_000)
            producer.flush(10)
        with pytest.raises(kafka.DataLost):
            cluster.check()


def test_a_broker_goes_down_and_comes_back_with_its_records(embedded):
    with kafka.cluster() as cluster:
        topic = cluster.create_topic("demand")
        produce(cluster, topic, [b"before"])
        cluster.broker_down()
        producer, delivered = Producer(cluster.config()), []
        producer.produce(topic, b"after", on_delivery=lambda error, _: delivered.append(error))
        producer.flush(0.3)
        assert delivered == []
        cluster.broker_up()
        assert producer.flush(10) == 0 and delivered == [None]
        assert consume(cluster, topic) == [b"before", b"after"]
        with pytest.raises(CourseError, match="broker_down"):
            cluster.broker_down(7)


def test_round_trips_can_be_made_slow(embedded):
    with kafka.cluster() as cluster:
        topic = cluster.create_topic("demand")
        cluster.round_trip(100)
        begin = time.monotonic()
        produce(cluster, topic, [b"slow"])
        assert time.monotonic() - begin > 0.1


def test_another_member_takes_over_from_one_that_was_killed(embedded):
    def member(ready, stopping):
        consumer = Consumer(cluster.config(group_id="prices", auto_offset_reset="earliest"))
        consumer.subscribe([topic])
        ready()
        while not stopping.is_set():
            if (message := consumer.poll(0.05)) and not message.error():
                return message.value()

    with kafka.cluster() as cluster, processes.group() as group:
        topic = cluster.create_topic("demand")
        first = group.start(member)
        produce(cluster, topic, [b"one"])
        assert first.result(20) == b"one"
        second = group.start(member)
        time.sleep(1)
        second.kill()
        third = group.start(member)
        produce(cluster, topic, [b"two"])
        assert third.result(20)


def test_configuration_takes_dots_and_underscores(embedded):
    with kafka.cluster() as cluster:
        assert "fetch.wait.max.ms" not in cluster.config()
        config = cluster.config({"acks": "all"}, group_id="g", fetch_wait_max_ms=20)
        assert config["group.id"] == "g" and config["acks"] == "all"
        assert config["fetch.wait.max.ms"] == 20
        assert config["bootstrap.servers"] == cluster.bootstrap


def test_a_closed_cluster_says_so(embedded, reader):
    with kafka.cluster() as cluster:
        pass
    with pytest.raises(CourseError, match=r"kafka\.cluster\(\)"):
        cluster.create_topic("demand")
    assert not list(workspace().glob("kafka-*"))


def test_a_real_cluster_that_does_not_answer_is_reported(monkeypatch, reader):
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr(kafka, "ANSWER_SECONDS", 1.0)
    with pytest.raises(CourseError, match=r"KAFKA_BOOTSTRAP=127\.0\.0\.1:1"):
        kafka.cluster()


@pytest.mark.kafka
@pytest.mark.skipif("KAFKA_BOOTSTRAP" not in os.environ, reason="KAFKA_BOOTSTRAP names no real cluster")
def test_on_a_real_cluster_topics_are_the_runs_own():
    with kafka.cluster() as cluster:
        topic = cluster.create_topic("demand", partitions=2)
        assert not cluster.embedded and topic.startswith("demand-")
        assert produce(cluster, topic, [b"1", b"2"]) == [None, None]
        assert consume(cluster, topic) == [b"1", b"2"]
        with pytest.raises(CourseError, match="broker_down"):
            cluster.broker_down()
        admin = Producer({"bootstrap.servers": cluster.bootstrap})
    deadline = time.monotonic() + 10
    while topic in admin.list_topics(timeout=5).topics and time.monotonic() < deadline:
        time.sleep(0.2)
    assert topic not in admin.list_topics(timeout=5).topics
