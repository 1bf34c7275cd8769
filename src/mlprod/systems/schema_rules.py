"""Can a reader with one schema read what was written with another? The question behind every compatibility level.

Avro: its own library answers, by the specification's rules of schema resolution. JSON Schema: nobody specifies it, so
the rule is stated here and errs on the safe side. A reader can read what a writer wrote if every document that is valid
for the writer is valid for the reader; it is judged from `type`, `enum`, `minimum`, `maximum`, `required`,
`properties`, `additionalProperties` and `items`. A schema with any other constraint is only compatible with itself.
"""

from __future__ import annotations

import json
from typing import Any

from mlprod.language import tr

_SAYS_NOTHING = {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"}
_JUDGED = {"type", "enum", "minimum", "maximum", "required", "properties", "additionalProperties", "items"}
_TYPES = {"null", "boolean", "object", "array", "number", "integer", "string"}


class InvalidSchema(ValueError):
    """A text that is no schema of its type, or of a type unknown here."""


def parse(kind: str, text: str) -> Any:
    """The schema in `text`, for `objections`. kind: "AVRO" or "JSON". Raises InvalidSchema."""
    try:
        if kind == "AVRO":
            import avro.schema

            return avro.schema.parse(text)
        if kind == "JSON":
            from jsonschema.validators import validator_for

            schema = json.loads(text)
            validator_for(schema).check_schema(schema)
            return schema
    except Exception as error:  # each library has its own families of errors
        raise InvalidSchema(f"{type(error).__name__}: {error}") from error
    raise InvalidSchema(tr(es=f"tipo de esquema desconocido: {kind}", en=f"unknown type of schema: {kind}"))


def objections(kind: str, reader: Any, writer: Any) -> list[str]:
    """Why a reader with schema `reader` might not read what was written with `writer`; empty if it always can."""
    return _avro(reader, writer) if kind == "AVRO" else _json(reader, writer, "")


def _avro(reader: Any, writer: Any) -> list[str]:
    from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

    result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
    if result.compatibility is not SchemaCompatibilityType.incompatible:
        return []
    why = ", ".join(dict.fromkeys(kind.value for kind in result.incompatibilities))
    return [f"{why}: {', '.join(sorted(result.messages))} ({', '.join(sorted(result.locations))})"]


def _json(reader: Any, writer: Any, path: str) -> list[str]:
    reader, writer = _constraints(reader), _constraints(writer)
    if reader == writer or reader == {} or writer is False:
        return []
    place = path or "/"
    if reader is False:
        return [tr(es=f"{place}: ya no se admite", en=f"{place}: no longer allowed")]
    tuples = any(isinstance(schema.get("items"), list) for schema in (reader, writer))
    if unknown := sorted((set(reader) | set(writer)) - _JUDGED) or tuples:
        names = ", ".join(unknown) if isinstance(unknown, list) else "items: […]"
        return [tr(es=f"{place}: aquí no se sabe juzgar {names}", en=f"{place}: {names} cannot be judged here")]
    found = []
    if missing := _types(writer) - _types(reader):
        types = ", ".join(sorted(missing))
        found.append(tr(es=f"{place}: ya no se admite {types}", en=f"{place}: {types} is no longer allowed"))
    if "enum" in reader:
        admitted = set(map(json.dumps, reader["enum"]))
        gone = [v for v in map(json.dumps, writer["enum"]) if v not in admitted] if "enum" in writer else ["*"]
        if gone:
            values = ", ".join(gone)
            found.append(tr(es=f"{place}: ya no se admite {values}", en=f"{place}: {values} is no longer allowed"))
    for bound, tighter in (("minimum", float.__gt__), ("maximum", float.__lt__)):
        if bound in reader and (bound not in writer or tighter(float(reader[bound]), float(writer[bound]))):
            found.append(tr(es=f"{place}: {bound} más estricto", en=f"{place}: a stricter {bound}"))
    for name in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
        found.append(tr(es=f"{path}/{name}: ahora es obligatorio", en=f"{path}/{name}: required now"))
    return found + _json_properties(reader, writer, path) + _json_items(reader, writer, path)


def _json_properties(reader: dict, writer: dict, path: str) -> list[str]:
    ours, theirs = reader.get("properties", {}), writer.get("properties", {})
    others, their_others = reader.get("additionalProperties", True), writer.get("additionalProperties", True)
    found = _json(others, their_others, f"{path}/*")
    for name in [*theirs, *(name for name in ours if name not in theirs)]:
        reasons = _json(ours.get(name, others), theirs.get(name, their_others), f"{path}/{name}")
        if reasons and name not in theirs:  # the reason that surprises everybody deserves its own words
            reasons = [
                tr(
                    es=f"{path}/{name}: propiedad nueva en un objeto abierto; ya podía haber documentos con una "
                    f"«{name}» de otro tipo",
                    en=f"{path}/{name}: a new property in an open object; there may already be documents with a "
                    f"'{name}' of another type",
                )
            ]
        found += reasons
    return found


def _json_items(reader: dict, writer: dict, path: str) -> list[str]:
    return _json(reader.get("items", True), writer.get("items", True), f"{path}[]")


def _constraints(schema: Any) -> Any:
    """The schema without its remarks; {} for True, False for False."""
    if isinstance(schema, bool):
        return {} if schema else False
    return {name: value for name, value in schema.items() if name not in _SAYS_NOTHING}


def _types(schema: dict) -> set[str]:
    named = schema.get("type", _TYPES)
    types = {named} if isinstance(named, str) else set(named)
    return types | {"integer"} if "number" in types else types
