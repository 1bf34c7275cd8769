"""Confluent's REST API over a `schema_registry.Registry`: paths, bodies and errors as its clients expect them."""

from __future__ import annotations

from typing import Any

from mlprod.language import tr
from mlprod.systems.schema_registry import Refused, Registry


def app(registry: Registry) -> Any:
    """The REST API of `registry`, as a FastAPI application."""
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    api = FastAPI()

    async def refuse(_request: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"error_code": error.code, "message": error.message}, error.status)

    async def unknown(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error_code": error.status_code, "message": str(error.detail)}, error.status_code)

    api.add_exception_handler(Refused, refuse)
    api.add_exception_handler(HTTPException, unknown)

    # All handlers are coroutines without awaits: they run one after another, so the registry needs no lock.

    @api.get("/subjects")
    async def subjects() -> list:
        return registry.subjects

    @api.post("/subjects/{subject}")
    async def lookup(subject: str, body: dict) -> dict:
        return registry.lookup(subject, *_schema(body))

    @api.get("/subjects/{subject}/versions")
    async def numbers(subject: str) -> list:
        return registry.numbers(subject)

    @api.post("/subjects/{subject}/versions")
    async def register(subject: str, body: dict) -> dict:
        return {"id": registry.register(subject, *_schema(body)).id}

    @api.get("/subjects/{subject}/versions/{version}")
    async def version(subject: str, version: str) -> dict:
        return registry.version(subject, version)

    @api.get("/schemas/ids/{id}")
    async def by_id(id: int) -> dict:
        return registry.by_id(id).public()

    @api.post("/compatibility/subjects/{subject}/versions")
    @api.post("/compatibility/subjects/{subject}/versions/{version}")
    async def judge(subject: str, body: dict, version: str | None = None) -> dict:
        reasons = registry.objections(subject, *_schema(body), version)
        return {"is_compatible": not reasons, "messages": reasons}

    @api.get("/config")
    @api.get("/config/{subject}")
    async def level(subject: str | None = None) -> dict:
        return {"compatibilityLevel": registry.level(subject)}

    @api.put("/config")
    @api.put("/config/{subject}")
    async def set_level(body: dict, subject: str | None = None) -> dict:
        registry.set_level(str(body.get("compatibility")), subject)
        return {"compatibility": registry.level(subject)}

    return api


def _schema(body: dict) -> tuple[str, str]:
    """(type, text) of the schema in a request's body."""
    if body.get("references"):
        raise Refused(422, 42201, tr(es="aquí no hay referencias", en="references are not supported here"))
    text = body.get("schema")
    if not isinstance(text, str):
        raise Refused(422, 42201, tr(es="falta el esquema", en="the schema is missing"))
    return str(body.get("schemaType") or "AVRO"), text
