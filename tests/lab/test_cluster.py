"""What stands around the cluster without an engine: verify.sh, Prometheus's files and Grafana's dashboard."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import nbformat
import pytest
import yaml

from mlprod import course
from mlprod.systems import processes, schema_registry, scrape, services
from tests.children import end
from tests.lab import static_commands

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = REPOSITORY / "docker"
VERIFY = DOCKER / "verify.sh"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
# Debian puts it elsewhere than the programs of a user
PROMETHEUS = shutil.which("prometheus")

look = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("look", DOCKER / "look.py"))
spec.loader.exec_module(look)


# ---------------------------------------------------------------- linters, where they are


@pytest.mark.parametrize(
    ("linter", "file"),
    [
        ("hadolint", "docker/Dockerfile"),
        ("shellcheck", "docker/verify.sh"),
        ("shellcheck", ".ci/run"),
        ("shellcheck", ".binder/postBuild"),
        ("promtool", "docker/prometheus/prometheus.yml"),
    ],
)
def test_a_linter_finds_nothing(linter, file):
    program = shutil.which(linter)
    if program is None:
        pytest.skip(f"{linter} is not on this machine (.ci/run brings it)")
    options = {"promtool": ["check", "config"], "hadolint": ["--failure-threshold", "warning"]}.get(linter, [])
    done = subprocess.run([program, *options, file], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- verify.sh


def verify(tmp_path: Path, *arguments: str, docker: str = "exit 0") -> subprocess.CompletedProcess:
    """Run it with a `docker` that writes down what it is asked and then does `docker`."""
    fake = tmp_path / "bin/docker"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n{docker}\n')
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    return subprocess.run([VERIFY, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def rows(output: str) -> dict[str, str]:
    table = output.split("== summary\n")[1]
    return {name: state for state, name in re.findall(r"^(not run|\w+) +\d+ s  (.+)$", table, re.MULTILINE)}


def test_a_dry_run_tells_every_command_and_executes_none(tmp_path):
    done = verify(tmp_path, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "asked").exists()
    told = rows(done.stdout)
    assert set(told.values()) == {"not run"}
    units = {source.stem.split("_")[0] for source in course.sources("lessons", REPOSITORY)}
    assert {f"unit {unit}" for unit in units} <= set(told)
    assert {"up", "doctor", "clients", "schemas registered", "service scraped", "company scraped"} <= set(told)
    assert {"dashboards served", "down"} <= set(told)
    for command in re.findall(r"^== [\w ]+: (docker .*)$", done.stdout, re.MULTILINE):
        words = command.split()
        assert words[:4] == ["docker", "compose", "--profile", "cluster"]
        if words[4] == "exec":
            assert words[6] in COMPOSE["services"]
            if words[7] in ("mlprod", "python"):
                assert static_commands.problem(shlex.join(words[7:])) is None
            if words[8].endswith(".py"):
                assert (REPOSITORY / words[8]).is_file() and words[9] in look.LOOKS


def test_one_failure_does_not_hide_the_others_and_is_the_exit_status(tmp_path):
    done = verify(tmp_path, "01", "02", docker='case "$*" in *"run 01"*) exit 3;; esac')
    assert done.returncode == 1
    told = rows(done.stdout)
    assert told.pop("unit 01") == "FAILED" and set(told.values()) == {"passed"}
    assert "1 failed" in done.stdout
    asked = (tmp_path / "asked").read_text()
    assert "logs --tail 40" in asked and asked.rstrip().endswith("down --volumes --remove-orphans")


def test_what_does_not_start_is_taken_down_at_once(tmp_path):
    done = verify(tmp_path, docker='case "$*" in *" up "*) exit 1;; esac')
    assert done.returncode == 1 and rows(done.stdout) == {"up": "FAILED", "down": "passed"}


def test_it_says_what_is_missing_or_not_understood(tmp_path):
    missing = verify(tmp_path, docker="exit 1")
    assert missing.returncode == 2 and "Compose 2" in missing.stderr
    wrong = verify(tmp_path, "--what")
    assert wrong.returncode == 2 and "--dry-run" in wrong.stderr


def test_an_interruption_takes_the_cluster_down(tmp_path):
    """As when a person gives up: the container that ran the unit ends, and nothing is left."""
    done = verify(tmp_path, "01", docker='case "$*" in *"run 01"*) kill -INT $PPID; exit 130;; esac')
    assert done.returncode in (1, 130)
    assert (tmp_path / "asked").read_text().rstrip().endswith("down --volumes --remove-orphans")


# ---------------------------------------------------------------- Prometheus and Grafana


def test_prometheus_reads_where_the_services_write():
    config = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (pattern,) = jobs["course"]["file_sd_configs"][0]["files"]
    lab = COMPOSE["services"]["lab-cluster"]
    assert pattern == f"{lab['environment'][scrape.VARIABLE]}/*.json"
    assert COMPOSE["services"]["prometheus"]["network_mode"] == "service:lab-cluster"
    assert "127.0.0.1:9090:9090" in lab["ports"] and "ports" not in COMPOSE["services"]["prometheus"]
    assert "..:/course:ro" in COMPOSE["services"]["prometheus"]["volumes"]
    for name in config["rule_files"]:
        assert (DOCKER / "prometheus" / name).is_file()


def test_grafana_s_files_agree():
    source = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    host, port = re.fullmatch(r"http://([\w-]+):(\d+)", source["url"]).groups()
    assert host in COMPOSE["services"] and f"127.0.0.1:{port}:{port}" in COMPOSE["services"][host]["ports"]
    provider = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/course.yaml").read_text())["providers"][0]
    grafana = COMPOSE["services"]["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DOCKER / "grafana/dashboards" / Path(home).name).is_file()
    assert all(isinstance(value, str) for value in grafana["environment"].values())


@pytest.mark.parametrize("file", sorted((DOCKER / "grafana/dashboards").glob("*.json")), ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file):
    board = json.loads(file.read_text())
    assert board["uid"] == file.stem and board["schemaVersion"] >= 39
    taken = set()
    for panel in board["panels"]:
        assert " / " in panel["title"] and " / " in panel["description"], "in both languages"
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24, f"{panel['title']} lies over another"
        taken |= cells
        for query in panel["targets"]:
            assert query["datasource"]["uid"] == "prometheus" and query["expr"].count("(") == query["expr"].count(")")
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.fixture(scope="module")
def lesson() -> dict:
    """Names of unit 04's lesson: its imports, and the cell with the web side of its service."""
    cells = nbformat.read(course.notebook("lessons", "04_batch_vs_online", "en"), as_version=4).cells
    names: dict = {"__name__": "lesson04"}
    for mark in ("import asyncio", "class Shedder"):
        (cell, *_) = [cell for cell in cells if cell.cell_type == "code" and mark in cell.source]
        exec(compile(cell.source, mark, "exec", dont_inherit=True), names)  # without this module's __future__
    yield names
    names["open_until_the_end"].close()


def online(make_app, ready, stopping, limit=None):
    """Unit 04's service with a model that takes 20 ms."""

    async def answer(question):
        await asyncio.sleep(0.02)
        return {"p": 0.5, "version": "v1", "computed_at": question.asked_at}

    services.serve_http(make_app(answer, [], lambda: True, 10, limit), ready, stopping)


QUESTION = {"flight": 1, "asked_at": 6.0}


def ask(address: str, times: int) -> list[int]:
    """That many questions at once; the statuses of the answers."""
    from concurrent.futures import ThreadPoolExecutor

    with services.http_client(address) as client, ThreadPoolExecutor(times) as pool:
        return list(pool.map(lambda _: client.post("/predict", json=QUESTION).status_code, range(times)))


def test_each_metric_of_the_dashboard_and_the_alerts_is_exposed_by_the_service(lesson):
    from prometheus_client.parser import text_string_to_metric_families

    with processes.start(online, lesson["make_app"], limit=2) as service:
        assert set(ask(service.address, 8)) == {200, 503}
        with services.http_client(service.address) as client:
            text = client.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    labels = {sample.name: set(sample.labels) | {"service", "instance", "job"} for sample in samples}
    rules = yaml.safe_load((DOCKER / "prometheus/rules.yml").read_text())["groups"]
    alerts = [rule["expr"] for group in rules for rule in group["rules"]]
    known = look.metrics("online-prediction")
    assert known and not set(known) - set(labels)
    for query in [*look.expressions("online-prediction"), *alerts]:
        for name, selector in re.findall(r"\b(predict_\w+)(\{[^}]*\})?", query):
            assert name in labels, query
            assert set(re.findall(r"(\w+)=", selector)) <= labels[name], query
        for grouping in re.findall(r"by \(([^)]*)\)", query):
            used = set(re.split(r",\s*", grouping))
            assert all(used <= labels[name] for name in re.findall(r"\bpredict_\w+", query)), query


def test_each_metric_of_the_company_s_dashboard_is_one_of_its_observer_s():
    """Unit 08's, read from its source: to expose them the whole company would have to be running."""
    source = (REPOSITORY / "src/mlprod/systems/company/live_observer.py").read_text()
    labels = {}
    for kind, name, given in re.findall(r'(Counter|Histogram)\(\s*"(\w+)", "[^"]*"(?:, \[([^]]*)\])?', source):
        for suffix in ("_total",) if kind == "Counter" else ("_bucket", "_sum", "_count"):
            labels[name + suffix] = {"le"} if suffix == "_bucket" else set(re.findall(r'"(\w+)"', given))
    assert look.metrics("company") and not set(look.metrics("company")) - set(labels)
    for query in look.expressions("company"):
        for grouping in re.findall(r"by \(([^)]*)\)", query):
            (name,) = re.findall(r"\bcompany_\w+", query)
            assert set(re.split(r",\s*", grouping)) <= labels[name], query


@pytest.fixture
def prometheus(tmp_path, monkeypatch, free_port):
    """A Prometheus with the cluster's configuration, in this machine's network as there in the lab's; its address."""
    if PROMETHEUS is None:
        pytest.skip("no Prometheus on this machine (Debian: apt install prometheus; .ci/run brings it)")
    targets = tmp_path / "targets"
    targets.mkdir()
    monkeypatch.setenv(scrape.VARIABLE, str(targets))
    for file in (DOCKER / "prometheus").iterdir():
        text = file.read_text().replace("/course/build/prometheus", str(targets))
        (tmp_path / file.name).write_text(text.replace("127.0.0.1:9090", f"127.0.0.1:{free_port}"))
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    options += [f"--web.listen-address=127.0.0.1:{free_port}", "--log.level=error"]
    running = subprocess.Popen([PROMETHEUS, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{free_port}"
    try:
        with services.http_client(address) as client:
            wait_until(lambda: is_up(client), 30, "Prometheus did not start")
        yield address
    finally:
        end(running, signal.SIGTERM)
        running.stderr.close()


def is_up(client) -> bool:
    import httpx

    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition, seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


@pytest.mark.slow
def test_prometheus_scrapes_the_service_and_answers_every_panel(prometheus, lesson):
    with services.http_client(prometheus) as client:

        def answers(query: str) -> list:
            found = client.post("/api/v1/query", data={"query": query}).json()
            assert found["status"] == "success", f"{query}: {found}"
            return found["data"]["result"]

        with processes.start(online, lesson["make_app"], limit=2, name="online-v1") as service:
            deadline = time.monotonic() + 40
            silent = look.expressions("online-prediction")
            while silent:  # rates need two scrapes with something new between them
                assert time.monotonic() < deadline, f"nothing for {silent}"
                assert set(ask(service.address, 6)) <= {200, 503}
                silent = [query for query in silent if not answers(query)]
            (up,) = answers('up{job="course"}')
            assert up["metric"]["service"] == "online-v1" and up["value"][1] == "1"
        loaded = client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert {rule["name"] for rule in loaded} == {"ManyRefused", "SlowAnswers"}
        assert {rule["health"] for rule in loaded} <= {"ok", "unknown"}
    assert "predict_requests_total" in look.scraped("online-prediction", prometheus)


def test_look_asks_the_registry(monkeypatch):
    with processes.start(schema_registry.serve) as registry:
        with pytest.raises(AssertionError, match="subjects"):
            look.registry(registry.address)
        with services.http_client(registry.address) as client:
            for topic in ("typed-avro-1", "typed-json-1"):
                client.post(f"/subjects/{topic}-value/versions", json={"schema": '"long"'}).raise_for_status()
        assert "typed-avro-1-value" in look.registry(registry.address)
