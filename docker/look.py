"""Asks a system of the cluster whether the lessons used it: python docker/look.py registry|spark|prometheus|grafana.

Runs inside the container lab-cluster (docker/verify.sh), and outside it with the address as a second argument.
Ends with 1, and says why, when the answer is no.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parent / "grafana/dashboards/online-prediction.json"


def get(url: str, **query: str) -> Any:
    """The JSON that `url` answers, within 10 s."""
    question = f"?{urllib.parse.urlencode(query)}" if query else ""
    with urllib.request.urlopen(url + question, timeout=10) as answer:
        return json.load(answer)


def registry(address: str = "http://schema-registry:8081") -> str:
    """Unit 02 registers a schema for each of its two topics."""
    found = [name for name in get(f"{address}/subjects") if name.startswith(("typed-avro", "typed-json"))]
    assert len(found) >= 2, f"subjects: {found}"
    return ", ".join(found)


def spark(address: str = "http://spark-master:8080") -> str:
    """The workers are there, and some notebook has worked on them."""
    state = get(f"{address}/json/")
    alive = [worker for worker in state["workers"] if worker["state"] == "ALIVE"]
    done = [*state["activeapps"], *state["completedapps"]]
    assert alive and done, f"{len(alive)} workers, {len(done)} applications"
    return f"{len(alive)} workers, {len(done)} applications"


def prometheus(address: str = "http://127.0.0.1:9090") -> str:
    """Every series that the dashboard draws has been scraped in the last hour."""
    counts = {}
    for metric in metrics():
        answer = get(f"{address}/api/v1/query", query=f"count(last_over_time({metric}[1h]))")
        counts[metric] = int(answer["data"]["result"][0]["value"][1]) if answer["data"]["result"] else 0
    assert all(counts.values()), f"series: {counts}"
    return str(counts)


def grafana(address: str = "http://grafana:3000") -> str:
    """The dashboard is there, and its data source answers through Grafana."""
    found = get(f"{address}/api/dashboards/uid/online-prediction")["dashboard"]
    up = get(f"{address}/api/datasources/proxy/uid/prometheus/api/v1/query", query="up")
    assert up["status"] == "success", up
    return f"{found['title']}: {len(found['panels'])} panels"


def expressions() -> list[str]:
    """What the dashboard asks Prometheus, with its variables filled in."""
    queries = [query["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for query in panel["targets"]]
    return [query.replace("$__rate_interval", "10s").replace("$service", ".*") for query in queries]


def metrics() -> list[str]:
    """The names of the course's series in the dashboard."""
    return sorted({name for query in expressions() for name in re.findall(r"\bpredict_\w+", query)})


LOOKS: dict[str, Callable[..., str]] = {
    "registry": registry,
    "spark": spark,
    "prometheus": prometheus,
    "grafana": grafana,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in LOOKS:
        raise SystemExit(__doc__)
    try:
        print(f"{sys.argv[1]}: {LOOKS[sys.argv[1]](*sys.argv[2:3])}")
    except (AssertionError, OSError, LookupError, ValueError) as error:
        raise SystemExit(f"{sys.argv[1]}: {error!r}") from None
