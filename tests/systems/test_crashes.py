"""Crashes at a chosen step: what dies, what stays, and what a commit at the worst moment does."""

import json

import pytest
from confluent_kafka import KafkaException, TopicPartition

from mlprod.systems import crashes
from mlprod.systems.crashes import Endless, SimulatedCrash, SteppedConsumer, Steps
from mlprod.systems.memory_topic import Topic

MANUAL = {"enable.auto.commit": False}


@pytest.fixture
def topic():
    topic = Topic(partitions=2)
    for number in range(3):
        topic.append(number % 2, b"k", json.dumps(number).encode())
    return topic


def test_dying_at_each_step_of_a_right_consumer_loses_nothing_and_repeats_nothing(topic, tmp_path):
    def life(path):
        def run(steps):
            consumer = topic.consumer(MANUAL)
            db = crashes.connect(path, steps)
            try:
                db.execute("CREATE TABLE IF NOT EXISTS seen (number INTEGER PRIMARY KEY)")
                stepped = SteppedConsumer(consumer, steps)
                while (message := stepped.poll(1)) is not None:
                    with db:
                        db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (json.loads(message.value()),))
                    stepped.commit(message=message, asynchronous=False)
            finally:
                db.close()

        return run

    [calm] = crashes.lives(life(tmp_path / "calm"))
    assert len(calm.names) > 20
    for step in range(1, len(calm.names) + 1):
        topic.committed.clear()
        path = tmp_path / f"{step}.sqlite"
        died, _ = crashes.lives(life(path), [step])
        assert died.dead and died.names == calm.names[:step]
        db = crashes.connect(path, Steps())
        assert [row for (row,) in db.execute("SELECT number FROM seen ORDER BY number")] == [0, 1, 2]
        db.close()
        assert topic.lag() == 0


def test_what_was_not_committed_to_the_database_dies_with_the_process(tmp_path):
    path = tmp_path / "db.sqlite"
    steps = Steps()
    db = crashes.connect(path, steps)
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.execute("INSERT INTO t VALUES (1)")
    steps.dead = True
    for attempt in (db.commit, lambda: db.execute("SELECT 1"), lambda: db.cursor().execute("SELECT 1")):
        with pytest.raises(SimulatedCrash):
            attempt()
    with pytest.raises(SimulatedCrash), db:
        pass
    db.close()
    db = crashes.connect(path, Steps())
    assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
    db.close()


def test_automatic_commit_comes_before_the_message_is_processed(topic):
    consumer = topic.consumer({})
    consumer.poll()
    assert topic.committed == {0: 1}
    assert topic.consumer(MANUAL).poll().partition() == 0  # offset 1 of partition 0: the first one will not come back
    assert topic.lag() == 2


def test_stored_offsets_are_what_the_background_commits(topic):
    consumer = topic.consumer({"enable.auto.offset.store": "false"})
    message = consumer.poll()
    assert topic.committed == {}
    consumer.store_offsets(message=message)
    assert topic.committed == {0: 1}
    with pytest.raises(KafkaException):
        topic.consumer({}).store_offsets(message=message)


def test_a_commit_nobody_waits_for_arrives_with_the_next_call_or_never(topic):
    consumer = topic.consumer(MANUAL)
    consumer.commit(consumer.poll())
    assert topic.committed == {}
    consumer.poll()
    assert topic.committed == {0: 1}
    consumer.commit(offsets=[TopicPartition("rides", 1, 1)], asynchronous=False)
    assert topic.committed == {0: 1, 1: 1}


def test_commit_with_nothing_to_commit_is_refused_as_by_librdkafka(topic):
    with pytest.raises(KafkaException):
        topic.consumer(MANUAL).commit(asynchronous=False)


def test_a_loop_that_never_ends_is_ended():
    with pytest.raises(Endless):
        stepped = SteppedConsumer(Topic().consumer(MANUAL), Steps())
        while True:
            stepped.poll(0)


def test_code_that_survives_its_crash_is_told_there_is_nothing_left(topic):
    stepped = SteppedConsumer(topic.consumer(MANUAL), Steps(crash_at=2))
    swallowed = 0
    while True:
        try:
            if stepped.poll(0) is None:
                break
        except BaseException:
            swallowed += 1
    assert 0 < swallowed < 1000
