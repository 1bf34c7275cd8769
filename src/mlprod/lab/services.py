"""Which brokers and databases the lessons will use: real ones named by environment variables, else embedded ones."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from mlprod.lab.finding import Finding
from mlprod.language import tr


@dataclass(frozen=True)
class Service:
    """A server a lesson speaks to: the variable that names a real one, and what stands in for it otherwise."""

    name: str
    variable: str
    port: int
    embedded: str


SPARK = Service("Spark", "SPARK_MASTER", 7077, "local[2]")
SPARK_CONNECT = Service("Spark Connect", "SPARK_REMOTE", 15002, "local[2]")
SERVICES = (
    Service("Kafka", "KAFKA_BOOTSTRAP", 9092, "librdkafka (confluent-kafka)"),
    Service("Schema Registry", "SCHEMA_REGISTRY_URL", 8081, "mlprod.systems.schema_registry"),
    Service("PostgreSQL", "DATABASE_URL", 5432, "pgserver"),
    Service("RabbitMQ", "AMQP_URL", 5672, "kombu memory://"),
    SPARK,
)


def addresses(setting: str, port: int) -> list[tuple[str, int]]:
    """Host and port of each server in `setting`: a URL, or "host:port,host:port".

    Raises ValueError when it holds none.
    """
    urls = [part if "://" in part else f"//{part.strip()}" for part in setting.split(",")]
    hosts = [(url.hostname, url.port or port) for url in map(urlsplit, urls)]
    if not all(host for host, _ in hosts):
        raise ValueError(setting)
    return [(host, number) for host, number in hosts if host]


def answers(host: str, port: int, timeout: float = 2.0) -> bool:
    """True when something accepts a TCP connection there within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False


def look(service: Service) -> Finding:
    """How `service` will be provided. Never prints a password: only host and port."""
    if service is SPARK and os.environ.get(SPARK_CONNECT.variable):
        service = SPARK_CONNECT  # as `mlprod.systems.spark` does: it goes before SPARK_MASTER
    setting = os.environ.get(service.variable)
    if not setting:
        detail = tr(es=f"embebido: {service.embedded}", en=f"embedded: {service.embedded}")
        real = tr(es=f"para usar uno real: {service.variable}", en=f"to use a real one: {service.variable}")
        return Finding(service.name, "optional", detail, real)
    if service.variable == "SPARK_MASTER" and re.match(r"local(\[|-cluster|$)", setting):
        return Finding(service.name, "ok", f"{service.variable}={setting}")
    try:
        servers = addresses(setting, service.port)
    except ValueError:
        return Finding(
            service.name,
            "wrong",
            tr(es=f"{service.variable} no es una dirección", en=f"{service.variable} is not an address"),
            tr(es=f"Corrígela o quítala: unset {service.variable}", en=f"Fix it, or: unset {service.variable}"),
        )
    where = ", ".join(f"{host}:{port}" for host, port in servers)
    if any(answers(host, port) for host, port in servers):
        return Finding(service.name, "ok", tr(es=f"real, responde en {where}", en=f"real, answers at {where}"))
    return Finding(
        service.name,
        "wrong",
        tr(es=f"no responde en {where}", en=f"no answer at {where}"),
        tr(
            es=f"Arráncalo, o usa el embebido: unset {service.variable}",
            en=f"Start it, or use the embedded one: unset {service.variable}",
        ),
    )
