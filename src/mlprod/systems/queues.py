"""Work queues for a lesson: kombu's in-memory broker by default, the RabbitMQ that AMQP_URL names when it is set.

    with queues.broker() as rabbit:
        jobs = rabbit.queue("jobs")                    # a kombu.Queue, declared and empty
        with rabbit.connection() as connection:        # a kombu.Connection: one a worker
            connection.Producer().publish({"job": 1}, routing_key=jobs.name)

The in-memory one lives in this process: its workers are threads, each with a connection of its own.
"""

from __future__ import annotations

import os
import secrets
from functools import cache
from typing import TYPE_CHECKING, Any

from mlprod.errors import CourseError
from mlprod.language import tr

if TYPE_CHECKING:
    import kombu

POLL_SECONDS = 0.001
"""How often the in-memory broker looks into a queue (kombu's default is a second, which would be all one measures)."""
_UNUSED_SECONDS = 600
"""After this long without consumers RabbitMQ drops a queue by itself: nothing stays there after a kill -9."""
_CONNECT_SECONDS = 5


class Broker:
    """Where queues live; a context manager. Made by `broker`."""

    embedded: bool
    """Whether it is the in-memory one, and not AMQP_URL's."""

    def __init__(self, url: str | None):
        self.embedded = url is None
        self._url = url
        self._run = secrets.token_hex(3)
        self._queues: list[kombu.Queue] = []

    def connection(self) -> kombu.Connection:
        """A new connection, already open. Each thread needs its own; closing it gives back what it did not acknowledge.

        Raises CourseError when AMQP_URL does not answer.
        """
        import kombu

        if self.embedded:
            return kombu.Connection(
                transport=_memory_transport(), transport_options={"polling_interval": POLL_SECONDS}
            ).ensure_connection()
        connection = kombu.Connection(self._url, connect_timeout=_CONNECT_SECONDS)
        try:
            return connection.ensure_connection(max_retries=1, timeout=_CONNECT_SECONDS)
        except Exception as error:
            connection.release()
            raise CourseError(
                tr(
                    es=f"AMQP_URL no responde ({error}). Arranca ese RabbitMQ, o quita la variable para usar la "
                    "cola en memoria.",
                    en=f"AMQP_URL does not answer ({error}). Start that RabbitMQ, or unset the variable to use the "
                    "in-memory queue.",
                )
            ) from None

    def queue(self, name: str, **arguments: Any) -> kombu.Queue:
        """Declare an empty queue, reached through the default exchange by its name, which gets a suffix.

        arguments: of kombu.Queue (`max_length`, `queue_arguments`…); the in-memory broker ignores them.
        """
        import kombu

        name = f"{name}-{self._run}"
        queue = kombu.Queue(name, routing_key=name, durable=True, expires=_UNUSED_SECONDS, **arguments)
        with self.connection() as connection:
            queue(connection.default_channel).declare()
        self._queues.append(queue)
        return queue

    def close(self) -> None:
        """Delete the queues that were declared."""
        queues, self._queues = self._queues, []
        if queues:
            with self.connection() as connection:
                for queue in queues:
                    queue(connection.default_channel).delete()

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def broker() -> Broker:
    """The broker to use: AMQP_URL's if it is set. Raises CourseError when that one does not answer."""
    found = Broker(os.environ.get("AMQP_URL") or None)
    found.connection().release()
    return found


@cache
def _memory_transport() -> type:
    """kombu's in-memory transport with two things more that servers do."""
    from kombu.transport import memory

    class Channel(memory.Channel):
        do_restore = True  # what a lost connection did not acknowledge goes back to its queue

        def queue_delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
            super().queue_delete(queue, *args, **kwargs)
            self._delete(queue)  # kombu deletes it once for each binding, and the default exchange has none

    class Transport(memory.Transport):
        pass

    Transport.Channel = Channel
    return Transport
