"""Work queues: in memory, and on a real RabbitMQ when AMQP_URL names one. The same tests for both."""

from __future__ import annotations

import os

import kombu
import pytest

from mlprod.errors import CourseError
from mlprod.systems import queues


@pytest.fixture(params=["memory", pytest.param("amqp", marks=pytest.mark.rabbitmq)])
def rabbit(request, monkeypatch):
    if request.param == "memory":
        monkeypatch.delenv("AMQP_URL", raising=False)
    elif not os.environ.get("AMQP_URL"):
        pytest.skip("AMQP_URL is not set")
    with queues.broker() as broker:
        assert broker.embedded == (request.param == "memory")
        yield broker


def publish(rabbit, queue, jobs):
    with rabbit.connection() as connection:
        producer = connection.Producer()
        for job in jobs:
            producer.publish({"job": job}, routing_key=queue.name)


def take(connection, queue, most, prefetch=0):
    """Up to `most` messages, unacknowledged."""
    taken = []
    consumer = connection.Consumer([queue], callbacks=[lambda _, message: taken.append(message)])
    consumer.qos(prefetch_count=prefetch)
    consumer.consume()
    while len(taken) < most:
        try:
            connection.drain_events(timeout=0.3)
        except TimeoutError:
            break
    return taken


def jobs_of(messages):
    return sorted(message.payload["job"] for message in messages)


def test_each_job_goes_to_one_worker(rabbit):
    queue = rabbit.queue("shared")
    publish(rabbit, queue, range(10))
    with rabbit.connection() as one, rabbit.connection() as other:
        first, second = take(one, queue, 4, prefetch=4), take(other, queue, 10, prefetch=10)
        assert len(first) == 4
        assert jobs_of(first + second) == list(range(10))


def test_prefetch_limits_what_a_worker_holds(rabbit):
    queue = rabbit.queue("limited")
    publish(rabbit, queue, range(10))
    with rabbit.connection() as connection:
        held = take(connection, queue, 10, prefetch=3)
        assert len(held) == 3
        held[0].ack()
        with pytest.raises(TimeoutError):
            for _ in range(2):
                connection.drain_events(timeout=0.3)
        assert len(held) == 4


def test_a_lost_connection_gives_back_what_it_did_not_acknowledge(rabbit):
    queue = rabbit.queue("returned")
    publish(rabbit, queue, range(10))
    connection = rabbit.connection()
    held = take(connection, queue, 10, prefetch=10)
    for message in held[:3]:
        message.ack()
    done = jobs_of(held[:3])
    connection.release()
    with rabbit.connection() as another:
        assert sorted(done + jobs_of(take(another, queue, 10))) == list(range(10))


def test_queues_of_the_same_name_are_not_shared_and_go_away(rabbit):
    with queues.broker() as other:
        theirs = other.queue("mine")
        assert rabbit.queue("mine").name != theirs.name
    with rabbit.connection() as connection, pytest.raises(Exception, match="404|NOT_FOUND|Empty|not exist"):
        kombu.Queue(theirs.name)(connection.default_channel).queue_declare(passive=True)


def test_a_broker_that_does_not_answer_is_reported(monkeypatch):
    monkeypatch.setenv("AMQP_URL", "amqp://guest:guest@127.0.0.1:9//")
    with pytest.raises(CourseError, match="AMQP_URL"):
        queues.broker()
