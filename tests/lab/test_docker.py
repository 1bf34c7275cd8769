"""docker/ without an engine: the schema of compose, and the rules that keep the lab private, pinned and bounded."""

from __future__ import annotations

import json
import math
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from mlprod.lab.services import SERVICES, addresses

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = REPOSITORY / "docker/compose.yaml"
LINES = re.sub(r"\\\n", " ", (REPOSITORY / "docker/Dockerfile").read_text()).splitlines()
DOCKERFILE = [line.split(maxsplit=1) for line in LINES if line.strip() and not line.startswith("#")]


KEEP = {
    "apache/kafka": "/var/lib/kafka/data",
    "postgres": "/var/lib/postgresql/data",
    "rabbitmq": "/var/lib/rabbitmq",
    "prom/prometheus": "/prometheus",
    "grafana/grafana": "/var/lib/grafana",
}


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load(COMPOSE.read_text())


def instructions(name: str) -> list[str]:
    return [rest for instruction, rest in DOCKERFILE if instruction == name]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "docker/compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/test.yml"),
        ("custom.github-workflows-require-timeout", ".github/workflows/test.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_files_follow_their_schema(schema: str, file: str):
    checked = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, str(REPOSITORY / file)])
    assert checked.exit_code == 0, checked.output


def test_each_image_is_pinned_and_each_service_bounded_and_watched(compose):
    built = {service["image"] for service in compose["services"].values() if "build" in service}
    for name, service in compose["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[\w.]+)?", tag), f"{name}: {service['image']} is not pinned"
        assert "mem_limit" in service, f"{name} may take all the memory"
        # the image of the lab declares its own
        assert "healthcheck" in service or service["image"] in built, f"{name}: nothing tells when it is ready"
        assert service["profiles"] in (["lab"], ["cluster"]), name


def test_ports_are_published_on_loopback_only_and_once(compose):
    published = {}
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            address, host, _ = port.split(":")
            assert address == "127.0.0.1", f"{name}: {port}"
            published.setdefault((service["profiles"][0], host), []).append(name)
    assert all(len(names) == 1 for names in published.values()), published


def test_services_volumes_and_conditions_exist(compose):
    services = compose["services"]
    built = {service["image"] for service in services.values() if "build" in service}  # its HEALTHCHECK is in the image
    used = set()
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert condition["condition"] == "service_healthy"
            assert "healthcheck" in services[other] or services[other]["image"] in built
            assert services[other]["profiles"] == service["profiles"]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), f"{name}: {volume}"
            else:
                assert source in compose["volumes"], f"{name}: {volume}"
                used.add(source)
    assert used == set(compose["volumes"])


def test_what_keeps_data_keeps_it_in_a_named_volume(compose):
    """Those that are stopped and started again find what they had; the lab and Spark have the clone."""
    keeping = {name for name, service in compose["services"].items() if service["image"].split(":")[0] in KEEP}
    assert len(keeping) == 7
    for name in keeping:
        folder = KEEP[compose["services"][name]["image"].split(":")[0]]
        assert [v for v in compose["services"][name]["volumes"] if v.endswith(f":{folder}")], name
    kafka = compose["services"]["kafka-1"]["environment"]
    assert kafka["KAFKA_LOG_DIRS"] == KEEP["apache/kafka"]


def test_the_memory_that_the_readme_says(compose):
    gigabytes = 0.0
    for service in compose["services"].values():
        if service["profiles"] == ["cluster"]:
            number, unit = re.fullmatch(r"(\d+)([gm])", service["mem_limit"]).groups()
            each = int(number) / (1 if unit == "g" else 1024)
            gigabytes += each * service.get("deploy", {}).get("replicas", 1)
    for words in ("add up to {} GB", "suman {} GB"):
        assert words.format(math.ceil(gigabytes)) in (COMPOSE.parent / "README.md").read_text()


def test_each_service_is_in_the_readme(compose):
    table = re.findall(r"^\| ([\w, ()-]+) \|", (COMPOSE.parent / "README.md").read_text(), re.MULTILINE)
    told = set(re.split(r"[, ]+", " ".join(table)))
    written = {re.sub(r"^kafka-(?=[23])", "-", name) for name in compose["services"]}
    assert written <= told, written - told


def test_the_lab_finds_every_system_of_the_cluster(compose):
    environment = compose["services"]["lab-cluster"]["environment"]
    for service in SERVICES:
        for host, _ in addresses(environment[service.variable], service.port):
            assert host in compose["services"], f"{service.variable} names {host}"
            assert host in compose["services"]["lab-cluster"]["depends_on"]


def test_kafka_s_nodes_agree(compose):
    nodes = {name: service for name, service in compose["services"].items() if name.startswith("kafka-")}
    voters = nodes["kafka-1"]["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"]
    assert voters == ",".join(f"{node['environment']['KAFKA_NODE_ID']}@{name}:9093" for name, node in nodes.items())
    for name, node in nodes.items():
        inside, outside = node["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
        assert inside == f"INTERNAL://{name}:19092"
        assert node["ports"] == [f"{outside.removeprefix('HOST://')}:9092"]
        assert node["hostname"] == name


def test_the_image_is_pinned_small_and_not_root():
    base = instructions("FROM")[0]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    assert instructions("USER")[-1] != "root"
    assert [name for name, _ in DOCKERFILE][-1] == "CMD" and instructions("HEALTHCHECK")
    for run in instructions("RUN"):
        if "apt-get install" in run:
            assert "--no-install-recommends" in run and "rm -rf /var/lib/apt/lists/*" in run
        for pip in re.findall(r"pip install[^&]*", run):
            assert "--no-cache-dir" in pip
    for copied in instructions("COPY"):
        for source in copied.removeprefix("--chown=student:student ").split()[:-1]:
            assert (REPOSITORY / source).exists()


def test_the_image_leaves_out_what_is_not_the_course():
    ignored = (REPOSITORY / "docker/Dockerfile.dockerignore").read_text().split()
    assert {".git", ".venv", "build", "grading/submitted", "grading/gradebook.db*"} <= set(ignored)


def test_the_devcontainer_is_the_lab_s_image(compose):
    text = re.sub(r"^\s*//.*$", "", (REPOSITORY / ".devcontainer/devcontainer.json").read_text(), flags=re.MULTILINE)
    settings = json.loads(text)
    build = settings["build"]
    assert (REPOSITORY / ".devcontainer" / build["dockerfile"]).resolve() == REPOSITORY / "docker/Dockerfile"
    assert (REPOSITORY / ".devcontainer" / build["context"]).resolve() == REPOSITORY
    assert (
        settings["workspaceFolder"] == instructions("WORKDIR")[-1]
        and settings["remoteUser"] == instructions("USER")[-1]
    )
    python = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert f"python -m venv {Path(python).parents[1]}" in instructions("RUN")[1]
    assert "mlprod-lab" in compose["services"]["lab"]["image"]


def test_the_versions_agree(compose):
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())["version"] == version
    assert compose["services"]["lab"]["image"] == f"mlprod-lab:{version}"
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text()
