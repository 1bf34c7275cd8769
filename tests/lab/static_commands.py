"""Whether a command that is not executed could be: its targets, options, files and services exist. No program runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
MAKEFILE = (REPOSITORY / "Makefile").read_text()
ELSEWHERE = ("conda", "sudo", "apt", "brew", "ssh", "git")
"""Programs of other people's, of which nothing here can be looked up."""


def problem(command: str) -> str | None:
    """What is wrong with `command`, or None. Brackets and … around what is optional are not taken literally."""
    text = re.sub(r"[\[\]]|…", " ", re.sub(r"\{|\}", "", command))
    for part in re.split(r"&&|;", text):
        words = shlex.split(part)
        while words and re.fullmatch(r"\w+=\S*", words[0]):
            words.pop(0)
        if not words or words[0] in ("cd", "export", "source"):
            continue
        program, *arguments = words
        check = CHECKS.get(program.removeprefix(".venv/bin/"))
        if check is not None:
            if found := check(arguments):
                return f"{part.strip()}: {found}"
        elif program.endswith(".sh"):
            if found := script(Path(program).name, arguments):
                return f"{part.strip()}: {found}"
        elif program not in ELSEWHERE:
            return f"{program}: unknown program"
    return None


def make(arguments: list[str]) -> str | None:
    targets = set(re.search(r"\.PHONY: (.*)", MAKEFILE)[1].split())
    for argument in arguments:
        name, given, _ = argument.partition("=")
        if given:
            used = f"$({name})" in MAKEFILE or re.search(rf"^{name} \?=", MAKEFILE, re.MULTILINE)
            if not used and name != "LANG_COURSE":  # that one is of the environment: make hands it on
                return f"the Makefile has no variable {name}"
        elif name not in targets:
            return f"the Makefile has no target {name}"
    return None


def mlprod(arguments: list[str]) -> str | None:
    import typer

    from mlprod import cli

    if not cli.app.registered_commands:
        cli._register()
    commands = typer.main.get_command(cli.app).commands
    return click(commands, arguments)


def click(commands: dict[str, Any], arguments: list[str]) -> str | None:
    """A command among `commands`, and options that it has."""
    if not arguments:
        return None
    name, *rest = arguments
    if name not in commands:
        return f"there is no command {name}"
    known = {option for parameter in commands[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if word.startswith("-") and word.split("=")[0] not in known | {"--help"}]
    return f"{name} has no option {unknown[0]}" if unknown else None


def dask(arguments: list[str]) -> str | None:
    from distributed.cli.dask_scheduler import main as scheduler
    from distributed.cli.dask_worker import main as worker

    return click({"scheduler": scheduler, "worker": worker}, arguments)


def nbgrader(arguments: list[str]) -> str | None:
    from nbgrader.apps import NbGraderApp

    app, words = NbGraderApp, list(arguments)
    while isinstance(inside := app.__dict__.get("subcommands"), dict):  # of its own; else traitlets' empty declaration
        if not words or words[0] not in inside:
            return f"there is no command {' '.join(arguments)}"
        app = inside[words.pop(0)][0]
    known = {name for names in (*app.flags, *app.aliases) for name in ([names] if isinstance(names, str) else names)}
    for word in words:
        if word.startswith("--") and word.removeprefix("--").split("=")[0] not in known:
            return f"{app.name} has no option {word}"
    return None


def python(arguments: list[str]) -> str | None:
    if arguments[0] == "-m":
        return None if importlib.util.find_spec(arguments[1]) else f"there is no module {arguments[1]}"
    return None if (REPOSITORY / arguments[0]).is_file() else f"there is no file {arguments[0]}"


def pytest(arguments: list[str]) -> str | None:
    absent = [word for word in arguments if "/" in word and not (REPOSITORY / word.partition("::")[0]).exists()]
    return f"there is no {absent[0]}" if absent else None


def docker(arguments: list[str]) -> str | None:
    compose = yaml.safe_load((REPOSITORY / "docker/compose.yaml").read_text())
    if arguments[0] != "compose":
        return f"{arguments[0]}: only compose is used here"
    profiles = {profile for service in compose["services"].values() for profile in service["profiles"]}
    for flag, profile in zip(arguments, arguments[1:], strict=False):
        if flag == "--profile" and profile not in profiles:
            return f"there is no profile {profile}"
    options = {"--profile", "--build", "--volumes"}
    unknown = [word for word in arguments if word.startswith("-") and word not in options]
    return f"{unknown[0]}: is it an option of compose? add it here" if unknown else None


def script(name: str, arguments: list[str]) -> str | None:
    file = REPOSITORY / "docker" / name
    if not file.is_file():
        return f"there is no {name}"
    text = file.read_text()
    unknown = [word for word in arguments if word.startswith("-") and f"{word})" not in text]
    return f"{name} has no option {unknown[0]}" if unknown else None


CHECKS = {
    "make": make,
    "mlprod": mlprod,
    "nbgrader": nbgrader,
    "python": python,
    "pytest": pytest,
    "docker": docker,
    "dask": dask,
}
