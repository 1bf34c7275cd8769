"""A Kafka cluster for a lesson: an embedded one by default, the real one that KAFKA_BOOTSTRAP names when it is set.

    with kafka.cluster() as cluster:
        topic = cluster.create_topic("demand", partitions=2)
        producer = Producer(cluster.config())
        consumer = Consumer(cluster.config(group_id="prices", auto_offset_reset="earliest"))

The embedded one (librdkafka's mock cluster) speaks the real protocol and is no real Kafka: it keeps 4 MiB a partition
(beyond, it refuses), has no compaction and no `read_committed`, and its latency is its own.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from multiprocessing.connection import Client
from typing import Any

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import kafka_host, processes
from mlprod.systems.workspace import workspace

ANSWER_SECONDS = 10.0
"""How long KAFKA_BOOTSTRAP may take to answer."""
# For a cluster in this machine's memory: answers and reconnections in milliseconds, a dead consumer noticed in seconds.
# (The mock gives the members of a group the session timeout less one second to come back in a rebalance.)
_CLIENT = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200}
_CONSUMER = {"fetch.wait.max.ms": 10, "session.timeout.ms": 1500, "heartbeat.interval.ms": 100}


class DataLost(CourseError):
    """The embedded broker is full: it has refused records (or, with batches above 1 MB, dropped some)."""


class Cluster:
    """A running cluster; a context manager. It can travel to child processes, where it speaks to the same cluster."""

    bootstrap: str
    """host:port of its brokers, for `bootstrap.servers`."""
    embedded: bool
    """Whether it is the embedded one, and not KAFKA_BOOTSTRAP's."""

    def __init__(self, brokers: int = 1):
        real = os.environ.get("KAFKA_BOOTSTRAP")
        self.embedded = not real
        self._run = secrets.token_hex(3)
        self._loss_told = False
        self._control = str(workspace() / f"kafka-{self._run}")
        if real:
            _expect_answer(real)
        self._host: processes.Process | None = processes.start(
            kafka_host.serve,
            kafka_host.Real if real else kafka_host.Embedded,
            real or brokers,
            self._control,
            name="kafka",
        )
        self.bootstrap = self._host.address

    def create_topic(self, name: str, partitions: int = 1, suffix: bool = True) -> str:
        """Create a topic and return the name to use: on a real cluster it gets a suffix, and is deleted at the end.

        With suffix=False it gets the very name, and CourseError is raised if a real cluster has such a topic already.
        """
        name = name if self.embedded or not suffix else f"{name}-{self._run}"
        self._ask("create_topic", name, partitions)
        return name

    def config(self, extra: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Configuration of a client: `bootstrap.servers`, quick settings for the embedded cluster, and yours.

        Yours may be a dict with dots or keywords with underscores (`group_id="x"`); with `group.id` it is a consumer's.
        """
        own = dict(extra or {}) | {name.replace("_", "."): value for name, value in more.items()}
        base: dict[str, Any] = {"bootstrap.servers": self.bootstrap}
        if self.embedded:
            # 2: a broker that is down is reported to callbacks, and not on stderr every second
            base |= {"log_level": 2} | _CLIENT | (_CONSUMER if "group.id" in own else {})
        return base | own

    def broker_down(self, broker: int = 1) -> None:
        """Make a broker (numbered from 1) unreachable; its records stay. Raises CourseError on a real cluster."""
        self._ask_embedded("broker_down", broker)

    def broker_up(self, broker: int = 1) -> None:
        """Make a broker reachable again, at the same address."""
        self._ask_embedded("broker_up", broker)

    def round_trip(self, milliseconds: int, broker: int = 1) -> None:
        """Make each request to a broker take at least `milliseconds`. Raises CourseError on a real cluster."""
        self._ask_embedded("round_trip", broker, milliseconds)

    def check(self) -> None:
        """Raise DataLost if the embedded cluster has refused or dropped records. Leaving the context does it too."""
        if not self.embedded:
            return
        quota = self._ask("quota")
        if quota["trimmed"] or quota["refused"]:
            self._loss_told = True
            raise DataLost(_explanation(quota))

    def close(self) -> None:
        """Stop the embedded cluster, or delete the topics that were created on the real one."""
        if self._host is not None:
            self._host.stop(timeout=8)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        try:
            if not self._loss_told and self._host is not None and self._host.alive:
                self.check()
        except DataLost as loss:
            if error is None:
                raise
            error.add_note(str(loss))
        finally:
            self.close()

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_host": None}

    def __repr__(self) -> str:
        return f"<Cluster {self.bootstrap} {'embedded' if self.embedded else 'real'}>"

    def _ask_embedded(self, command: str, *arguments: Any) -> None:
        if not self.embedded:
            raise CourseError(
                tr(
                    es=f"{command} solo es posible con el clúster embebido: este es {self.bootstrap}. "
                    "Quita KAFKA_BOOTSTRAP para usar el embebido.",
                    en=f"{command} is only possible on the embedded cluster: this is {self.bootstrap}. "
                    "Unset KAFKA_BOOTSTRAP to use the embedded one.",
                )
            )
        self._ask(command, *arguments)

    def _ask(self, command: str, *arguments: Any) -> Any:
        try:
            with Client(self._control, family="AF_UNIX") as connection:
                connection.send((command, arguments))
                if not connection.poll(kafka_host.REQUEST_SECONDS + 5):
                    raise TimeoutError
                worked, answer = connection.recv()
        except TimeoutError as error:
            raise CourseError(
                tr(
                    es=f"El clúster de Kafka no contesta a {command}: vuelve a ejecutar la celda.",
                    en=f"The Kafka cluster does not answer {command}: run the cell again.",
                )
            ) from error
        except (OSError, EOFError) as error:
            raise CourseError(
                tr(
                    es="El clúster de Kafka ya no está en marcha: créalo otra vez con kafka.cluster().",
                    en="The Kafka cluster is no longer running: create it again with kafka.cluster().",
                )
            ) from error
        if not worked:
            raise CourseError(f"Kafka, {command}{arguments}: {answer}")
        return answer


def cluster(brokers: int = 1) -> Cluster:
    """Start an embedded cluster of `brokers` brokers; or use the one KAFKA_BOOTSTRAP names, with those it has.

    Raises CourseError when KAFKA_BOOTSTRAP does not answer.
    """
    return Cluster(brokers)


def _expect_answer(bootstrap: str) -> None:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}).list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise CourseError(
            tr(
                es=f"KAFKA_BOOTSTRAP={bootstrap} no responde ({error}). "
                "Arranca ese clúster, o quita la variable para usar el embebido.",
                en=f"KAFKA_BOOTSTRAP={bootstrap} does not answer ({error}). "
                "Start that cluster, or unset the variable to use the embedded one.",
            )
        ) from None


def _explanation(quota: dict) -> str:
    topic, partition = quota["trimmed"] or quota["full"]
    mebibytes = quota["usage"]["bytes"] / 2**20
    if quota["trimmed"]:
        happened = tr(
            es=f"El Kafka embebido ha borrado los {quota['usage']['first_offset']} registros más antiguos de la "
            f"partición {partition} de «{topic}»: recibió {mebibytes:.1f} MiB y conserva 5.",
            en=f"The embedded Kafka dropped the {quota['usage']['first_offset']} oldest records of partition "
            f"{partition} of '{topic}': it received {mebibytes:.1f} MiB and keeps 5.",
        )
    else:
        happened = tr(
            es=f"El Kafka embebido ha rechazado {quota['refused']} peticiones de escritura: la partición {partition} "
            f"de «{topic}» tiene {mebibytes:.1f} MiB en {quota['usage']['batches']} lotes y no cabe más sin borrar lo "
            "antiguo. Lo que aceptó sigue ahí; los productores recibieron el error POLICY_VIOLATION.",
            en=f"The embedded Kafka refused {quota['refused']} write requests: partition {partition} of '{topic}' "
            f"holds {mebibytes:.1f} MiB in {quota['usage']['batches']} batches, and no more fits without dropping old "
            "records. What it accepted is still there; the producers got the error POLICY_VIOLATION.",
        )
    return (
        happened
        + " "
        + tr(
            es="Envía menos mensajes o más pequeños, usa más particiones o un Kafka real (KAFKA_BOOTSTRAP).",
            en="Send fewer or smaller messages, use more partitions, or a real Kafka (KAFKA_BOOTSTRAP).",
        )
    )
