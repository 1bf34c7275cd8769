"""A work shift on a kombu queue in memory and on a simulated clock: who did each job, who held it, and who fell.

    shift = run(lambda: (publish, take, handle), jobs, seconds={"ana": 1, "luis": 30}, failures={"j7": 2}, crash_at=9)

`publish(producer, job)` puts a job (a dict with "id") on the queue; `take(channel, worker)` gives the `kombu.Consumer`
by which that worker receives; `handle(message, work, producer)` is called when the worker has come to the message and
its seconds have passed. `work(job)` does the job, or raises JobFailed the first `failures[id]` times.

Each call of `work`, of an ack and of a publication is a step, before and after. At step `crash_at` its worker dies,
and what it held goes back to the queue, unless the broker had been told to forget it. Nothing sleeps: runs are equal.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import kombu
from kombu.transport import memory, virtual

from mlprod.language import tr
from mlprod.systems.crashes import Endless, SimulatedCrash, Steps

DEAD = kombu.Queue("dead", kombu.Exchange("dead", type="direct"), routing_key="dead")
"""Where jobs go that nobody can do: the dead-letter queue."""
MOST_TRIES = 60
"""Calls of `work` for one job after which a shift is given up as endless."""


class JobFailed(Exception):
    """The job could not be done."""


class Waited(NamedTuple):
    """A job that waited in the hands of `holder`, who was busy, while `idle` had nothing to do."""

    job: str
    holder: str
    idle: str
    second: float


@dataclass
class Shift:
    """What happened. Jobs go by their ids."""

    tries: Counter[str] = field(default_factory=Counter)
    """Calls of `work`."""
    done: Counter[str] = field(default_factory=Counter)
    """Calls of `work` that came to their end."""
    by: Counter[str] = field(default_factory=Counter)
    """The same, by worker."""
    waited: list[Waited] = field(default_factory=list)
    """One entry a job and holder."""
    seconds: float = 0.0
    """Simulated time until the last job was finished with."""
    dead: list[Any] = field(default_factory=list)
    """Contents of the dead-letter queue."""
    left: list[Any] = field(default_factory=list)
    """Contents of the other queues, and what the workers hold without an ack."""
    fallen: dict[str, str] = field(default_factory=dict)
    """Workers that died, and of what."""
    steps: list[str] = field(default_factory=list)


def run(
    program: Callable[[], tuple[Callable, Callable, Callable]],
    jobs: Iterable[dict],
    seconds: Mapping[str, float],
    *,
    failures: Mapping[str, float] | None = None,
    crash_at: int | None = None,
) -> Shift:
    """A shift until nobody has anything to do. `seconds`: by worker, how long a job takes.

    `program()` is called once for the office, which publishes, and once for each worker: it may give each its own copy
    of the functions, since in earnest each is a process. Raises Endless when a job is tried again and again, TypeError
    when `take` does not return a `kombu.Consumer`.
    """
    # kombu's memory is one for the whole process: queues that somebody else has there stay as they are
    kept = memory.Transport.global_state, memory.Channel.queues
    memory.Transport.global_state, memory.Channel.queues = virtual.BrokerState(), {}
    try:
        return _shift(program, jobs, seconds, failures or {}, Steps(crash_at))
    finally:
        memory.Transport.global_state, memory.Channel.queues = kept


def _shift(program: Callable, jobs: Iterable[dict], seconds: Mapping, failures: Mapping, steps: Steps) -> Shift:
    shift = Shift()
    shift.steps = steps.names
    workers = [_Worker(name, pace, program(), shift, steps, failures) for name, pace in seconds.items()]
    try:
        for worker in workers:
            worker.listen()
        publish, _, _ = program()
        with kombu.Connection("memory://") as office:
            producer = kombu.Producer(office.channel())
            for job in jobs:
                publish(producer, job)
        _work(workers, shift)
        shift.left += [job for worker in workers for job in worker.unacknowledged()]
        for name, queue in memory.Channel.queues.items():
            contents = shift.dead if name == DEAD.name else shift.left
            contents += [_payload(raw) for raw in list(queue.queue)]
    finally:
        for worker in workers:
            worker.connection.release()
    return shift


def _work(workers: list[_Worker], shift: Shift) -> None:
    now = 0.0
    while True:
        alive = [worker for worker in workers if worker.name not in shift.fallen]
        while any([worker.receive() for worker in alive]):  # a list: each in turn, one message a round
            pass
        for worker in alive:
            worker.begin(now)
        _note_waiting(alive, now, shift)
        busy = [worker for worker in alive if worker.current is not None]
        if not busy:
            return
        worker = min(busy, key=lambda busy_one: busy_one.until)
        now = max(now, worker.until)
        worker.finish()
        shift.seconds = now


def _note_waiting(alive: list[_Worker], now: float, shift: Shift) -> None:
    idle = next((worker.name for worker in alive if worker.current is None), None)
    known = {(waited.job, waited.holder) for waited in shift.waited}
    for worker in alive if idle else ():
        for message in worker.held:
            job = str(_id(message.payload))
            if (job, worker.name) not in known:
                shift.waited.append(Waited(job, worker.name, idle, now))


class _Worker:
    """One worker: its own connection, what it holds, what it is at."""

    def __init__(
        self,
        name: str,
        pace: float,
        program: tuple[Callable, Callable, Callable],
        shift: Shift,
        steps: Steps,
        failures: Mapping[str, float],
    ):
        self.name, self._pace, self._shift, self._steps, self._failures = name, pace, shift, steps, failures
        _, self._take, self._handle = program
        self.connection = kombu.Connection("memory://")
        self._channel = self.connection.channel()
        self._producer = _Producer(self._channel, steps)
        self.held: deque[kombu.Message] = deque()
        self.current: kombu.Message | None = None
        self.until = math.inf

    def listen(self) -> None:
        self._consumer = self._take(self._channel, self.name)
        if not isinstance(self._consumer, kombu.Consumer):
            raise TypeError(f"take: {type(self._consumer).__name__}")
        self._consumer.on_message = self.held.append
        self._consumer.consume()

    def receive(self) -> bool:
        """Take one message from the queue, if the broker gives one."""
        try:
            self.connection.drain_events(timeout=0)
        except TimeoutError:
            return False
        return True

    def begin(self, now: float) -> None:
        if self.current is None and self.held:
            self.current = self.held.popleft()
            self.until = now + self._pace

    def finish(self) -> None:
        message, self.current = self.current, None
        for name in ("ack", "reject", "requeue"):
            setattr(message, name, self._stepped(name, getattr(message, name)))
        try:
            self._handle(message, self._do, self._producer)
        except SimulatedCrash:
            self._fall(f"step {len(self._steps.names)}: {self._steps.names[-1]}")
            self._steps.dead = False  # the others are alive
        except JobFailed as failure:
            self._fall(f"JobFailed: {failure}")

    def unacknowledged(self) -> list[Any]:
        qos = self._channel.qos
        qos._flush()
        return [message.payload for message in qos._delivered.values()]

    def _fall(self, cause: str) -> None:
        self._shift.fallen[self.name] = cause
        self.held.clear()
        self._consumer.cancel()
        self._channel.basic_recover(requeue=True)  # as a broker does when a connection breaks

    def _do(self, job: Any) -> None:
        name = str(_id(job))
        self._steps.take(f"work {name}")
        self._shift.tries[name] += 1
        if self._shift.tries[name] > MOST_TRIES:
            raise Endless(
                tr(es=f"{name} se ha intentado {MOST_TRIES} veces.", en=f"{name} has been tried {MOST_TRIES} times.")
            )
        if self._shift.tries[name] <= self._failures.get(name, 0):
            raise JobFailed(name)
        self._shift.done[name] += 1
        self._shift.by[self.name] += 1
        self._steps.take(f"worked {name}")

    def _stepped(self, name: str, call: Callable) -> Callable:
        def step(*args: Any, **kwargs: Any) -> Any:
            self._steps.take(name)
            result = call(*args, **kwargs)
            self._steps.take(f"{name}: done")
            return result

        return step


class _Producer(kombu.Producer):
    def __init__(self, channel: Any, steps: Steps):
        super().__init__(channel)
        self._steps = steps

    def publish(self, *args: Any, **kwargs: Any) -> Any:
        self._steps.take("publish")
        result = super().publish(*args, **kwargs)
        self._steps.take("publish: done")
        return result


def _id(job: Any) -> Any:
    return job.get("id") if isinstance(job, dict) else job


def _payload(raw: dict) -> Any:
    """The decoded body of a message as the queue keeps it."""
    with kombu.Connection("memory://") as connection:
        return connection.channel().Message(raw, channel=connection.channel()).decode()
