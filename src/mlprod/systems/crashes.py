"""A process that dies at a chosen step: what a consumer does to Kafka and to its database, one step at a time.

    steps = Steps(crash_at=7)
    consumer, db = SteppedConsumer(topic.consumer(settings), steps), connect(path, steps)
    consume(consumer, db)                   # raises SimulatedCrash at its 7th step
    steps.names                             # ["poll", "polled 0:0", "INSERT INTO …", "INSERT INTO …: done", …]

What happens between two steps cannot be seen from outside, so that dying at each step in turn is dying at every point.
A dead process does nothing more: each later step raises too. The consumer may be `memory_topic`'s or a real one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from mlprod.language import tr

MOST_STEPS = 5000
MOST_EMPTY_POLLS = 100


class SimulatedCrash(BaseException):
    """The process has died here. No Exception, so that `except Exception` does not survive it."""


class Endless(BaseException):
    """The process does not end by itself."""


def die() -> NoReturn:
    raise SimulatedCrash


class Steps:
    """The steps that a process has taken; at the `crash_at`-th (from 1) it dies, by `crash()`."""

    def __init__(self, crash_at: int | None = None, crash: Callable[[], Any] = die):
        self.names: list[str] = []
        self.dead = False
        self._crash_at, self._crash, self._after_death = crash_at, crash, 0

    @property
    def survived(self) -> bool:
        """Whether the code goes on in spite of being dead: it catches every exception, in a loop."""
        return self._after_death > MOST_EMPTY_POLLS

    def take(self, name: str) -> None:
        """Take the step `name`. Raises SimulatedCrash here or when already dead, Endless after MOST_STEPS."""
        if self.dead:
            self._after_death += 1
            raise SimulatedCrash
        self.names.append(name)
        if len(self.names) > MOST_STEPS:
            raise Endless(tr(es=f"Más de {MOST_STEPS} pasos.", en=f"More than {MOST_STEPS} steps."))
        if len(self.names) == self._crash_at:
            self.dead = True
            self._crash()


def lives(life: Callable[[Steps], Any], crash_at: Iterable[int] = ()) -> list[Steps]:
    """Run `life(steps)` once for each of `crash_at`, dying there, and a last time to its end; the steps of each.

    A life that ends before its step has simply ended.
    """
    taken = []
    for step in (*crash_at, None):
        steps = Steps(step)
        taken.append(steps)
        try:
            life(steps)
        except SimulatedCrash:
            if not steps.dead:
                raise
    return taken


class SteppedConsumer:
    """A consumer of which each call is a step; `consumer` is one of `memory_topic` or confluent-kafka's."""

    def __init__(self, consumer: Any, steps: Steps):
        self._consumer, self._steps, self._empty = consumer, steps, 0

    def poll(self, timeout: float | None = None) -> Any:
        if self._steps.survived:
            return None
        self._steps.take("poll")
        message = self._consumer.poll(1.0 if timeout is None else timeout)
        self._empty = 0 if message is not None else self._empty + 1
        if self._empty > MOST_EMPTY_POLLS:
            raise Endless(
                tr(
                    es=f"poll ha devuelto None {self._empty} veces seguidas y sigues llamándolo.",
                    en=f"poll has returned None {self._empty} times in a row and you go on calling it.",
                )
            )
        if message is not None:
            self._steps.take(f"polled {message.partition()}:{message.offset()}")
        return message

    def consume(self, num_messages: int = 1, timeout: float | None = None) -> list[Any]:
        messages: list[Any] = []
        while len(messages) < num_messages and (message := self.poll(timeout)) is not None:
            messages.append(message)
        return messages

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        return self._around("commit offset", self._consumer.commit, *args, **kwargs)

    def store_offsets(self, *args: Any, **kwargs: Any) -> Any:
        return self._around("store offset", self._consumer.store_offsets, *args, **kwargs)

    def close(self) -> None:
        self._around("close", self._consumer.close)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def _around(self, name: str, call: Callable, *args: Any, **kwargs: Any) -> Any:
        self._steps.take(name)
        result = call(*args, **kwargs)
        self._steps.take(f"{name}: done")
        return result


def connect(path: str | Path, steps: Steps) -> sqlite3.Connection:
    """Open the SQLite database `path`: each statement and each commit is a step, and dying rolls back on closing."""
    connection = sqlite3.connect(path, factory=_Connection)
    sqlite3.Connection.execute(connection, "PRAGMA synchronous = OFF")  # it is the process that dies, not the machine
    connection.steps = steps
    return connection


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *args: Any) -> Any:
        return self.connection._around(sql, super().execute, sql, *args)

    def executemany(self, sql: str, *args: Any) -> Any:
        return self.connection._around(sql, super().executemany, sql, *args)

    def executescript(self, sql: str) -> Any:
        return self.connection._around(sql, super().executescript, sql)


class _Connection(sqlite3.Connection):
    steps: Steps | None = None

    def cursor(self, factory: type = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, *args: Any) -> Any:
        return self.cursor().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> Any:
        return self.cursor().executemany(sql, *args)

    def executescript(self, sql: str) -> Any:
        return self.cursor().executescript(sql)

    def commit(self) -> None:
        self._around("COMMIT", super().commit)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        if kind is not None:
            return super().__exit__(kind, error, trace)
        return self._around("COMMIT", super().__exit__, kind, error, trace)

    def _around(self, sql: str, call: Callable, *args: Any) -> Any:
        if self.steps is None:
            return call(*args)
        name = " ".join(sql.split())[:40]
        self.steps.take(name)
        result = call(*args)
        self.steps.take(f"{name}: done")
        return result
