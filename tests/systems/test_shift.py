"""A simulated shift: who holds what, who falls, and what is left."""

import math

import kombu
import pytest

from mlprod.systems import shift
from mlprod.systems.crashes import Endless
from mlprod.systems.shift import DEAD, JobFailed

QUEUE = kombu.Queue("jobs", kombu.Exchange("jobs", type="direct"), routing_key="jobs")
JOBS = [{"id": f"j{number}"} for number in range(9)]
IDS = {job["id"] for job in JOBS}


def publish(producer, job):
    producer.publish(job, exchange=QUEUE.exchange, routing_key="jobs", declare=[QUEUE])


def take(prefetch, no_ack=False):
    return lambda channel, worker: kombu.Consumer(channel, [QUEUE], prefetch_count=prefetch, no_ack=no_ack)


def handle(message, work, producer):
    try:
        work(message.payload)
    except JobFailed:
        producer.publish(message.payload, exchange=DEAD.exchange, routing_key=DEAD.routing_key, declare=[DEAD])
    message.ack()


def run(seconds, prefetch=1, no_ack=False, handle=handle, **options):
    return shift.run(lambda: (publish, take(prefetch, no_ack), handle), JOBS, seconds, **options)


def test_each_job_is_done_once_and_the_clock_is_simulated():
    seen = run({"a": 10.0, "b": 10.0, "c": 10.0})
    assert seen.done == dict.fromkeys(IDS, 1) and seen.seconds == 30.0
    assert not seen.left and not seen.dead and not seen.fallen and not seen.waited


def test_a_large_prefetch_lets_jobs_wait_behind_a_slow_worker():
    pace = {"fast": 1.0, "slow": 50.0}
    fair, greedy = run(pace), run(pace, prefetch=100)
    assert not fair.waited and fair.seconds == 50.0
    assert {waited.holder for waited in greedy.waited} == {"slow"} and greedy.seconds > 3 * fair.seconds


def test_failed_jobs_go_where_handle_puts_them():
    seen = run({"a": 1.0}, failures={"j4": math.inf})
    assert seen.dead == [{"id": "j4"}] and seen.done.keys() == IDS - {"j4"}


def test_dying_at_each_step_loses_nothing_with_acks_and_something_without():
    calm = run({"a": 1.0, "b": 1.0})
    for step in range(1, len(calm.steps) + 1):
        seen = run({"a": 1.0, "b": 1.0}, crash_at=step)
        assert len(seen.fallen) == 1 and seen.done.keys() == IDS and not seen.left
    assert run({"a": 1.0, "b": 1.0}, no_ack=True, crash_at=1).done.keys() < IDS


def test_a_failure_that_escapes_brings_one_worker_down_after_another():
    def careless(message, work, producer):
        work(message.payload)
        message.ack()

    seen = run({"a": 1.0, "b": 1.0}, handle=careless, failures={"j0": math.inf})
    assert seen.fallen.keys() == {"a", "b"} and {"id": "j0"} in seen.left


def test_trying_for_ever_is_given_up():
    def stubborn(message, work, producer):
        try:
            work(message.payload)
            message.ack()
        except JobFailed:
            message.requeue()

    with pytest.raises(Endless):
        run({"a": 1.0}, handle=stubborn, failures={"j0": math.inf})


def test_take_must_give_a_consumer():
    with pytest.raises(TypeError, match="take"):
        shift.run(lambda: (publish, lambda channel, worker: None, handle), JOBS, {"a": 1.0})
