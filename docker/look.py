"""Asks a system of the cluster whether the lessons used it: docker/look.py registry|spark|service|company|grafana.

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
from functools import partial
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parent / "grafana/dashboards"


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


def scraped(board: str, address: str = "http://127.0.0.1:9090") -> str:
    """Every series that a dashboard draws has been scraped in the last hour."""
    counts = {}
    for metric in metrics(board):
        answer = get(f"{address}/api/v1/query", query=f"count(last_over_time({metric}[1h]))")
        counts[metric] = int(answer["data"]["result"][0]["value"][1]) if answer["data"]["result"] else 0
    assert counts and all(counts.values()), f"series: {counts}"
    return str(counts)


def grafana(address: str = "http://grafana:3000") -> str:
    """The dashboards are there, and their data source answers through Grafana."""
    found = [
        get(f"{address}/api/dashboards/uid/{file.stem}")["dashboard"] for file in sorted(DASHBOARDS.glob("*.json"))
    ]
    up = get(f"{address}/api/datasources/proxy/uid/prometheus/api/v1/query", query="up")
    assert up["status"] == "success", up
    return ", ".join(f"{board['title']}: {len(board['panels'])} panels" for board in found)


def expressions(board: str) -> list[str]:
    """What a dashboard asks Prometheus, with its variables filled in."""
    panels = json.loads((DASHBOARDS / f"{board}.json").read_text(encoding="utf-8"))["panels"]
    queries = [query["expr"] for panel in panels for query in panel["targets"]]
    return [query.replace("$__rate_interval", "10s").replace("$service", ".*") for query in queries]


def metrics(board: str) -> list[str]:
    """The names of the course's series in a dashboard."""
    return sorted({name for query in expressions(board) for name in re.findall(r"\b(?:predict|company)_\w+", query)})


LOOKS: dict[str, Callable[..., str]] = {
    "registry": registry,
    "spark": spark,
    "service": partial(scraped, "online-prediction"),  # unit 04's
    "company": partial(scraped, "company"),  # unit 08's
    "grafana": grafana,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in LOOKS:
        raise SystemExit(__doc__)
    try:
        print(f"{sys.argv[1]}: {LOOKS[sys.argv[1]](*sys.argv[2:3])}")
    except (AssertionError, OSError, LookupError, ValueError) as error:
        raise SystemExit(f"{sys.argv[1]}: {error!r}") from None
