"""The schema registry, spoken to by confluent-kafka's own client; and the rules of compatibility against validators."""

from __future__ import annotations

import io
import json

import jsonschema
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprod.errors import CourseError
from mlprod.systems import processes, schema_registry, schema_rules


def avro(*fields):
    return {"type": "record", "name": "Prediction", "fields": [{"name": "ride", "type": "long"}, *fields]}


RIDE = avro()
WITH_ZONE = avro({"name": "zone", "type": "int"})
WITH_ZONE_OR_0 = avro({"name": "zone", "type": "int", "default": 0})


def closed(**properties):
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.fixture(scope="module")
def address():
    with processes.start(schema_registry.serve) as process:
        yield process.address


@pytest.fixture
def client(address):
    return SchemaRegistryClient({"url": address})


def schema(value, kind="AVRO"):
    return Schema(json.dumps(value), kind)


def test_the_real_one_is_used_when_it_is_named(address, monkeypatch):
    monkeypatch.setenv(schema_registry.VARIABLE, f"{address}/")
    with schema_registry.start() as registry:
        assert registry.address == address
        SchemaRegistryClient({"url": registry.address}).register_schema("named", schema(RIDE))
    assert "named" in SchemaRegistryClient({"url": address}).get_subjects(), "leaving it closes nothing"
    monkeypatch.delenv(schema_registry.VARIABLE)
    with schema_registry.start() as registry:
        assert SchemaRegistryClient({"url": registry.address}).get_subjects() == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1:8081", "http://["])
def test_a_real_one_that_does_not_answer(url, monkeypatch):
    monkeypatch.setenv(schema_registry.VARIABLE, url)
    with pytest.raises(CourseError, match=schema_registry.VARIABLE):
        schema_registry.start()


def test_two_clients_share_what_one_registered(address, client):
    context = SerializationContext("avro-shared", MessageField.VALUE)
    wire = AvroSerializer(client, json.dumps(RIDE))({"ride": 7}, context)
    assert wire[0] == 0 and len(wire) == 6  # magic byte, four bytes of id, one byte of ride
    assert AvroDeserializer(SchemaRegistryClient({"url": address}))(wire, context) == {"ride": 7}

    context = SerializationContext("json-shared", MessageField.VALUE)
    wire = JSONSerializer(json.dumps(closed(ride={"type": "integer"}) | {"title": "P"}), client)({"ride": 7}, context)
    other = SchemaRegistryClient({"url": address})
    assert JSONDeserializer(None, schema_registry_client=other)(wire, context) == {"ride": 7}


def test_an_incompatible_change_is_refused_and_leaves_no_trace(client):
    first = client.register_schema("refused", schema(RIDE))
    assert not client.test_compatibility("refused", schema(WITH_ZONE))
    with pytest.raises(SchemaRegistryError, match="zone") as refusal:
        client.register_schema("refused", schema(WITH_ZONE))
    assert refusal.value.http_status_code == refusal.value.error_code == 409
    assert client.get_versions("refused") == [1]
    second = client.register_schema("refused", schema(WITH_ZONE_OR_0))
    assert second != first and client.get_versions("refused") == [1, 2]
    assert client.get_latest_version("refused").version == 2
    assert json.loads(client.get_version("refused", 1).schema.schema_str) == RIDE


def test_one_schema_has_one_id_and_is_registered_once(address):
    ids = set()
    for text in (json.dumps(RIDE), json.dumps(RIDE, indent=2)):
        client = SchemaRegistryClient({"url": address})  # a new one: clients remember what they registered
        ids |= {client.register_schema(subject, Schema(text, "AVRO")) for subject in ("once-a", "once-b")}
    assert len(ids) == 1 and client.get_versions("once-a") == [1]
    assert client.lookup_schema("once-b", schema(RIDE)).schema_id in ids


@pytest.mark.parametrize(
    "level, old, new, allowed",
    [
        ("BACKWARD", RIDE, WITH_ZONE, False),
        ("FORWARD", RIDE, WITH_ZONE, True),
        ("FORWARD", WITH_ZONE, RIDE, False),
        ("BACKWARD", WITH_ZONE, RIDE, True),
        ("FULL", WITH_ZONE, RIDE, False),
        ("FULL", RIDE, WITH_ZONE_OR_0, True),
        ("NONE", RIDE, {"type": "string"}, True),
    ],
)
def test_levels(client, level, old, new, allowed):
    subject = f"level-{level}-{allowed}-{len(old['fields'])}"
    client.set_compatibility(subject, level)
    assert client.get_compatibility(subject) == level
    client.register_schema(subject, schema(old))
    assert client.test_compatibility(subject, schema(new)) == allowed


def test_transitive_levels_look_at_all_versions():
    for level, allowed in (("BACKWARD", True), ("BACKWARD_TRANSITIVE", False)):
        registry = schema_registry.Registry()
        registry.set_level(level)
        for version in (RIDE, WITH_ZONE_OR_0):
            registry.register("s", "AVRO", json.dumps(version))
        assert (not registry.objections("s", "AVRO", json.dumps(WITH_ZONE), None)) == allowed


@pytest.mark.parametrize(
    "call, status, code",
    [
        (lambda client: client.get_latest_version("nobody"), 404, 40401),
        (lambda client: client.get_version("known", 9), 404, 40402),
        (lambda client: client.get_schema(999), 404, 40403),
        (lambda client: client.lookup_schema("known", schema(WITH_ZONE)), 404, 40403),
        (lambda client: client.register_schema("known", schema({"type": "nonsense"})), 422, 42201),
        (lambda client: client.register_schema("new", schema({"type": 3}, "JSON")), 422, 42201),
        (lambda client: client.register_schema("new", Schema("message P {}", "PROTOBUF")), 422, 42201),
        (lambda client: client.register_schema("known", schema(closed(), "JSON")), 409, 409),
        (lambda client: client.set_compatibility("known", "SOMETIMES"), 422, 42203),
    ],
)
def test_refusals_carry_the_real_registrys_codes(client, call, status, code):
    client.register_schema("known", schema(RIDE))
    with pytest.raises(SchemaRegistryError) as refusal:
        call(client)
    assert (refusal.value.http_status_code, refusal.value.error_code) == (status, code)


NUMBER, INTEGER, TEXT = {"type": "number"}, {"type": "integer"}, {"type": "string"}


@pytest.mark.parametrize(
    "old, new, compatible",
    [
        (closed(a=INTEGER), closed(a=NUMBER), True),
        (closed(a=NUMBER), closed(a=INTEGER), False),
        (closed(a=INTEGER), closed(a=INTEGER, b=TEXT), True),
        (closed(a=INTEGER, b=TEXT), closed(a=INTEGER), False),
        (closed(a=INTEGER), closed(a=INTEGER) | {"required": ["a"]}, False),
        (closed(a=INTEGER) | {"required": ["a"]}, closed(a=INTEGER), True),
        ({"properties": {"a": INTEGER}}, {"properties": {"a": INTEGER, "b": TEXT}}, False),  # open: a "b" may exist
        ({"properties": {"a": INTEGER}}, closed(a=INTEGER), False),
        ({"enum": ["x"]}, {"enum": ["x", "y"]}, True),
        ({"enum": ["x", "y"]}, {"enum": ["x"]}, False),
        (NUMBER | {"minimum": 0}, NUMBER | {"minimum": -1}, True),
        (NUMBER | {"minimum": 0}, NUMBER | {"minimum": 1}, False),
        ({"type": "array", "items": INTEGER}, {"type": "array", "items": NUMBER}, True),
        (TEXT | {"pattern": "^a"}, TEXT | {"pattern": "^a", "title": "A"}, True),
        (TEXT, TEXT | {"pattern": "^a"}, False),
        (TEXT | {"pattern": "^a"}, TEXT, False),  # allowed in truth: what is not judged is refused
    ],
)
def test_json_rule(old, new, compatible):
    assert (not schema_rules.objections("JSON", reader=new, writer=old)) == compatible


small = st.sampled_from([0, 1, 2, 1.5, "x", "y", None, True, [], [1], ["x", 1.5]])
documents = st.one_of(small, st.dictionaries(st.sampled_from("abc"), small, max_size=3))


def json_schemas(depth):
    children = json_schemas(depth - 1) if depth else st.sampled_from([True, False, NUMBER, INTEGER, TEXT])
    optional = {
        "type": st.sampled_from(["object", "number", "integer", "string", "array", ["object", "null"]]),
        "enum": st.lists(st.sampled_from([0, 1, "x", "y", None]), min_size=1, unique=True),
        "minimum": st.integers(0, 2),
        "maximum": st.integers(0, 2),
        "required": st.lists(st.sampled_from("abc"), unique=True),
        "properties": st.dictionaries(st.sampled_from("abc"), children, max_size=2),
        "additionalProperties": children,
        "items": children,
        "minLength": st.just(2),
    }
    return st.fixed_dictionaries({}, optional=optional)


@settings(max_examples=400, deadline=None)
@given(old=json_schemas(1), new=json_schemas(1), document=documents, keep=st.booleans())
def test_what_the_json_rule_allows_never_breaks_a_reader(old, new, document, keep):
    if keep:  # near relatives: unrelated schemas are hardly ever compatible
        new = {name: old.get(name, value) for name, value in new.items()}
    if not schema_rules.objections("JSON", reader=new, writer=old):
        valid = jsonschema.Draft202012Validator
        assert not valid(old).is_valid(document) or valid(new).is_valid(document)


def test_what_the_avro_rule_allows_can_be_read():
    import fastavro

    union = {"name": "zone", "type": ["null", "int"], "default": None}
    versions = [RIDE, WITH_ZONE, WITH_ZONE_OR_0, avro(union), avro({"name": "zone", "type": "string"})]
    parsed = [schema_rules.parse("AVRO", json.dumps(version)) for version in versions]
    for writer, write in zip(versions, parsed, strict=True):
        zone = next((f["type"] for f in writer["fields"] if f["name"] == "zone"), None)
        wire = io.BytesIO()
        fastavro.schemaless_writer(wire, writer, {"ride": 1, "zone": "x" if zone == "string" else 3})
        for reader, read in zip(versions, parsed, strict=True):
            wire.seek(0)
            try:
                fastavro.schemaless_reader(wire, writer, reader)
                worked = True
            except Exception:
                worked = False
            allowed = not schema_rules.objections("AVRO", reader=read, writer=write)
            assert worked or not allowed, (writer, reader)
            if reader == writer or writer is WITH_ZONE and reader is RIDE:
                assert allowed
