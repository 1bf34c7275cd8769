"""`mlprod doctor`: whether the course can run here, what some lessons will miss, which servers are real or embedded."""

from __future__ import annotations

import json
from dataclasses import asdict

from mlprod import course
from mlprod.lab import machine, notebooks, services, web_runtime
from mlprod.lab.finding import Finding
from mlprod.language import tr

MARKS = {"ok": "[green]ok[/]", "optional": "[yellow]·[/]", "wrong": "[bold red]x[/]"}


def built() -> Finding:
    """Whether every notebook is there, in both languages."""
    absent = notebooks.missing(course.root())
    return Finding(
        tr(es="Notebooks", en="Notebooks"),
        "wrong" if absent else "ok",
        tr(es=f"faltan {len(absent)}", en=f"{len(absent)} missing") if absent else tr(es="todos", en="all of them"),
        tr(es="Constrúyelos: make lab", en="Build them: make lab") if absent else "",
    )


def examine() -> list[Finding]:
    """Everything the report shows, in its order."""
    root = course.root()
    return [
        machine.python(),
        machine.packages(root / "requirements.lock"),
        built(),
        machine.processor(),
        machine.memory(),
        machine.disk(root),
        *machine.programs(),
        web_runtime.look(),
        *(services.look(service) for service in services.SERVICES),
    ]


def report(*, as_json: bool = False) -> bool:
    """Print the findings as a table, or as JSON; True when the course can run."""
    findings = examine()
    fit = not any(finding.state == "wrong" for finding in findings)
    if as_json:
        print(
            json.dumps({"ok": fit, "findings": [asdict(finding) for finding in findings]}, ensure_ascii=False, indent=2)
        )
        return fit
    from rich.console import Console
    from rich.table import Table

    table = Table(title=tr(es="Esta máquina y el curso", en="This machine and the course"), title_justify="left")
    table.add_column("")
    for heading in (tr(es="Qué", en="What"), tr(es="Cómo está", en="How it is"), tr(es="Qué hacer", en="What to do")):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(MARKS[finding.state], finding.name, finding.detail, finding.remedy)
    console = Console()
    console.print(table)
    console.print(
        tr(es="El curso puede ejecutarse aquí.", en="The course can run here.")
        if fit
        else tr(es="Hay algo que arreglar (x).", en="Something needs fixing (x).")
    )
    return fit
