"""The process behind `kafka.cluster()`: hosts the embedded broker, or looks after a real cluster's temporary topics.

Being a process of its own, it outlives a consumer's crash, keeps the broker's work out of the measuring process, and
takes its topics down when the notebook is killed. Commands arrive over a Unix socket: (name, arguments) -> (ok, value).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Listener
from typing import Any

REQUEST_SECONDS = 10.0


class Embedded:
    """The commands on librdkafka's mock cluster."""

    def __init__(self, brokers: int):
        from mlprod.systems.librdkafka import MockCluster

        self._brokers = brokers
        self._cluster = MockCluster(brokers)
        self.bootstrap = self._cluster.bootstrap

    def create_topic(self, name: str, partitions: int) -> None:
        self._cluster.create_topic(name, partitions, min(3, self._brokers))

    def broker_down(self, broker: int) -> None:
        self._cluster.set_broker(broker, up=False)

    def broker_up(self, broker: int) -> None:
        self._cluster.set_broker(broker, up=True)

    def round_trip(self, broker: int, milliseconds: int) -> None:
        self._cluster.set_round_trip(broker, milliseconds)

    def quota(self) -> dict:
        """`librdkafka.Quota` as a dict, with the usage of the partition that is full or was trimmed."""
        quota = self._cluster.quota
        partition = quota.trimmed or quota.full
        usage = asdict(quota.usage[partition]) if partition else None
        return {"full": quota.full, "refused": quota.refused, "trimmed": quota.trimmed, "usage": usage}

    def close(self) -> None:
        self._cluster.close()


class Real:
    """The same commands on the cluster that KAFKA_BOOTSTRAP names."""

    def __init__(self, bootstrap: str):
        from confluent_kafka.admin import AdminClient

        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
        self._topics: list[str] = []

    def create_topic(self, name: str, partitions: int) -> None:
        from confluent_kafka import KafkaError, KafkaException
        from confluent_kafka.admin import NewTopic

        self._topics.append(name)
        try:
            self._admin.create_topics([NewTopic(name, partitions)])[name].result(REQUEST_SECONDS)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                self._topics.remove(name)  # somebody else's: not ours to delete
            raise

    def close(self) -> None:
        if self._topics:
            for deleted in self._admin.delete_topics(self._topics, operation_timeout=2).values():
                with contextlib.suppress(Exception):  # one that could not be deleted keeps none of the others
                    deleted.result(3)


def serve(
    make: Callable[[Any], Embedded | Real], argument: Any, control: str, ready: Callable, stopping: threading.Event
) -> None:
    """Run in a child process: `make(argument)`, answer commands at the Unix socket `control`, close when stopped."""
    cluster = make(argument)
    with Listener(control, family="AF_UNIX") as listener:
        threading.Thread(target=_answer, args=(listener, cluster, stopping), daemon=True).start()
        ready(cluster.bootstrap)
        stopping.wait()
        cluster.close()


def _answer(listener: Listener, cluster: Embedded | Real, stopping: threading.Event) -> None:
    while not stopping.is_set():
        with contextlib.suppress(OSError, EOFError), listener.accept() as connection:
            if not connection.poll(2):  # a client that connects and says nothing must not keep the others waiting
                continue
            name, arguments = connection.recv()
            try:
                answer = True, getattr(cluster, name)(*arguments)
            except Exception as error:
                answer = False, str(error)
            connection.send(answer)
