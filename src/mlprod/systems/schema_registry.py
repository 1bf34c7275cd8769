"""A small schema registry: the part of Confluent's REST API that its Python client and serializers use.

    with schema_registry.start() as registry:
        client = SchemaRegistryClient({"url": registry.address})

Or the real one that SCHEMA_REGISTRY_URL names. In ours, schemas live in memory as long as the process; numbers, error
codes and compatibility levels are those of the real one; modes, references between schemas and deletions are left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems import processes, schema_rules, services

VARIABLE = "SCHEMA_REGISTRY_URL"
ANSWER_SECONDS = 10.0

LEVELS = {
    "NONE": "",
    "BACKWARD": "new reads old",
    "FORWARD": "old reads new",
    "FULL": "new reads old, old reads new",
}
"""Compatibility levels; each but NONE also exists with _TRANSITIVE, and then looks at all versions."""


class Refused(Exception):
    """An answer other than 200, as the real registry gives it: HTTP status, its own error code, message."""

    def __init__(self, status: int, code: int, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Schema:
    """One registered schema."""

    id: int
    kind: str
    text: str
    parsed: Any = field(repr=False, compare=False)

    def same(self, kind: str, text: str) -> bool:
        """Whether it is the same schema but for white space and the order of an object's members."""
        return self.kind == kind and json.loads(self.text) == json.loads(text)

    def public(self) -> dict[str, Any]:
        """As the API shows it: AVRO is not named, because it was once the only type."""
        return {"schema": self.text} | ({} if self.kind == "AVRO" else {"schemaType": self.kind})


class Registry:
    """Subjects, their versions (numbered from 1) and their compatibility levels."""

    def __init__(self) -> None:
        self._schemas: list[Schema] = []  # a schema has one id (from 1) in all subjects
        self._subjects: dict[str, list[Schema]] = {}
        self._levels: dict[str, str] = {}
        self._level = "BACKWARD"

    @property
    def subjects(self) -> list[str]:
        return sorted(self._subjects)

    def level(self, subject: str | None = None) -> str:
        """Compatibility level of a subject, or the one of all that have none of their own."""
        return self._levels.get(subject, self._level)

    def set_level(self, level: str, subject: str | None = None) -> None:
        """Change it. Raises Refused (422) for an unknown level."""
        if level != "NONE" and level.removesuffix("_TRANSITIVE") not in LEVELS or level == "NONE_TRANSITIVE":
            raise Refused(422, 42203, tr(es=f"nivel desconocido: {level}", en=f"unknown level: {level}"))
        if subject is None:
            self._level = level
        else:
            self._levels[subject] = level

    def register(self, subject: str, kind: str, text: str) -> Schema:
        """The schema, as a new version of the subject unless it is one already.

        Raises Refused: 422 for what is no schema, 409 when the subject's compatibility level forbids it.
        """
        parsed = self._parse(kind, text)
        versions = self._subjects.get(subject, [])
        for schema in versions:
            if schema.same(kind, text):
                return schema
        if reasons := self._objections(subject, kind, parsed, versions):
            story = tr(
                es=f"Esquema incompatible con «{subject}» (nivel {self.level(subject)}). ",
                en=f"Schema incompatible with '{subject}' (level {self.level(subject)}). ",
            )
            raise Refused(409, 409, story + "; ".join(reasons))
        schema = next((s for s in self._schemas if s.same(kind, text)), None)
        if schema is None:
            schema = Schema(len(self._schemas) + 1, kind, text, parsed)
            self._schemas.append(schema)
        self._subjects.setdefault(subject, []).append(schema)
        return schema

    def objections(self, subject: str, kind: str, text: str, version: str | None) -> list[str]:
        """Why `text` may not follow `version` of the subject (None: those that its level looks at); empty if it may."""
        versions = self._versions(subject)
        if version is not None:
            versions = [versions[self._index(subject, version)]]
        return self._objections(subject, kind, self._parse(kind, text), versions)

    def by_id(self, id: int) -> Schema:
        """The schema of that id. Raises Refused (404)."""
        if not 1 <= id <= len(self._schemas):
            raise Refused(404, 40403, tr(es=f"no hay esquema con id {id}", en=f"there is no schema with id {id}"))
        return self._schemas[id - 1]

    def version(self, subject: str, version: str) -> dict[str, Any]:
        """A version ("1", "2"… or "latest") of a subject, as the API shows it. Raises Refused (404)."""
        index = self._index(subject, version)
        schema = self._subjects[subject][index]
        return {"subject": subject, "id": schema.id, "version": index + 1} | schema.public()

    def numbers(self, subject: str) -> list[int]:
        """Numbers of the subject's versions. Raises Refused (404)."""
        return [number for number, _ in enumerate(self._versions(subject), start=1)]

    def lookup(self, subject: str, kind: str, text: str) -> dict[str, Any]:
        """The version of the subject that is this very schema, as the API shows it. Raises Refused (404)."""
        self._parse(kind, text)
        for number, schema in enumerate(self._versions(subject), start=1):
            if schema.same(kind, text):
                return self.version(subject, str(number))
        raise Refused(404, 40403, tr(es="esquema no registrado", en="schema not registered"))

    def _parse(self, kind: str, text: str) -> Any:
        try:
            return schema_rules.parse(kind, text)
        except schema_rules.InvalidSchema as error:
            raise Refused(422, 42201, tr(es=f"esquema no válido: {error}", en=f"invalid schema: {error}")) from error

    def _versions(self, subject: str) -> list[Schema]:
        if subject not in self._subjects:
            raise Refused(404, 40401, tr(es=f"no existe «{subject}»", en=f"there is no '{subject}'"))
        return self._subjects[subject]

    def _index(self, subject: str, version: str) -> int:
        count = len(self._versions(subject))
        if version in ("latest", "-1"):
            return count - 1
        if not version.isdigit() or not 1 <= int(version) <= count:
            raise Refused(404, 40402, tr(es=f"no hay versión {version}", en=f"there is no version {version}"))
        return int(version) - 1

    def _objections(self, subject: str, kind: str, parsed: Any, versions: list[Schema]) -> list[str]:
        level = self.level(subject)
        rule, reasons = LEVELS[level.removesuffix("_TRANSITIVE")], []
        for old in versions if level.endswith("_TRANSITIVE") else versions[-1:]:
            if rule and old.kind != kind:
                reasons.append(tr(es=f"antes era {old.kind}, no {kind}", en=f"it was {old.kind}, not {kind}"))
                continue
            if "new reads old" in rule:
                reasons += schema_rules.objections(kind, reader=parsed, writer=old.parsed)
            if "old reads new" in rule:
                reasons += schema_rules.objections(kind, reader=old.parsed, writer=parsed)
        return reasons


def serve(ready: Callable[[str], None], stopping: threading.Event | None = None) -> None:
    """Run in a process: `processes.start(schema_registry.serve).address` is the URL of an empty registry."""
    from mlprod.systems import schema_rest

    services.serve_http(schema_rest.app(Registry()), ready, stopping)


class Real(contextlib.AbstractContextManager):
    """The registry at SCHEMA_REGISTRY_URL. Leaving it closes nothing: what was registered there stays."""

    def __init__(self, address: str):
        self.address = address

    def __exit__(self, *_: object) -> None:
        return None


def start(name: str = "registry") -> processes.Process | Real:
    """An empty registry in a process of its own; or the one that SCHEMA_REGISTRY_URL names. Its `address` is the URL.

    Raises CourseError when SCHEMA_REGISTRY_URL does not answer as a registry does.
    """
    url = os.environ.get(VARIABLE)
    if not url:
        return processes.start(serve, name=name)
    import httpx

    try:
        with services.http_client(url.rstrip("/"), ANSWER_SECONDS) as client:
            known = client.get("/subjects").raise_for_status().json()
            if not isinstance(known, list):
                raise ValueError(f"/subjects: {known}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise CourseError(
            tr(
                es=f"{VARIABLE}={url} no responde como un registro de esquemas ({error}). Arráncalo, o quita la "
                "variable para usar el embebido.",
                en=f"{VARIABLE}={url} does not answer as a schema registry does ({error}). Start it, or unset the "
                "variable to use the embedded one.",
            )
        ) from None
    return Real(url.rstrip("/"))
