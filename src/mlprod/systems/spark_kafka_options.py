"""The options of the data source `kafka_py`, checked: what is asked for and cannot be done is said, not ignored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from mlprod.errors import CourseError
from mlprod.language import tr

EARLIEST, LATEST = -2, -1
"""What the official connector writes for them in a JSON of offsets."""

Offsets = dict[str, dict[str, int]]
"""Topic -> partition (as text, as JSON wants it) -> offset of the next record. What Spark keeps in a checkpoint."""

READING = {
    "subscribe": "subscribe",
    "startingoffsets": "startingOffsets",
    "endingoffsets": "endingOffsets",
    "maxoffsetspertrigger": "maxOffsetsPerTrigger",
    "failondataloss": "failOnDataLoss",
    "includeheaders": "includeHeaders",
    "kafkaconsumer.polltimeoutms": "kafkaConsumer.pollTimeoutMs",
}
WRITING = {"topic": "topic"}
# Spark's own, which it hands to sources and sinks together with theirs
_SPARKS = {"path", "checkpointlocation", "queryname", "outputmode", "__provider__"}


class Options:
    """The options in `given`, for a reading query ("batch" or "stream") or a writing one.

    Raises CourseError for one that is unknown, missing or has no sense there.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        reading: Literal["batch", "stream"] | None = None,
        writing: bool = False,
    ):
        values = {name.lower(): value for name, value in given.items()}
        known = WRITING if writing else READING
        if reading or writing:
            self._refuse_unknown(values, known)
        self.properties = {name[6:]: value for name, value in values.items() if name.startswith("kafka.")}
        if not self.properties.get("bootstrap.servers"):
            raise CourseError(
                tr(
                    es='Falta la opción "kafka.bootstrap.servers": la dirección de los brokers, "host:puerto".',
                    en='The option "kafka.bootstrap.servers" is missing: the brokers\' address, "host:port".',
                )
            )
        self.headers = _truth(values, "includeheaders", False)
        self.fail_on_data_loss = _truth(values, "failondataloss", True)
        self.timeout_s = _number(values, "kafkaconsumer.polltimeoutms", 10_000) / 1000
        self.topic = values.get("topic")
        self.max_offsets = _number(values, "maxoffsetspertrigger", 0) if "maxoffsetspertrigger" in values else None
        self.topics = [topic.strip() for topic in values.get("subscribe", "").split(",") if topic.strip()]
        if reading and not self.topics:
            raise CourseError(
                tr(
                    es='Falta la opción "subscribe": el topic que se lee, o varios separados por comas.',
                    en='The option "subscribe" is missing: the topic to read, or several separated by commas.',
                )
            )
        if reading == "stream" and "endingoffsets" in values:
            raise CourseError(
                tr(
                    es='"endingOffsets" no tiene sentido en un flujo, que no acaba: usa read en lugar de readStream.',
                    en='"endingOffsets" makes no sense in a stream, which does not end: use read, not readStream.',
                )
            )
        self.starting = _place(values, "startingoffsets", "latest" if reading == "stream" else "earliest")
        self.ending = _place(values, "endingoffsets", "latest")
        if reading == "batch" and self.starting == LATEST or self.ending == EARLIEST:
            raise CourseError(
                tr(
                    es='Una lectura por lotes no puede empezar en "latest" ni acabar en "earliest": no habría nada.',
                    en='A batch read can neither start at "latest" nor end at "earliest": there would be nothing.',
                )
            )

    def _refuse_unknown(self, values: Mapping[str, str], known: Mapping[str, str]) -> None:
        unknown = [n for n in values if n not in known and n not in _SPARKS and not n.startswith("kafka.")]
        if unknown:
            names = ", ".join([*known.values(), "kafka.*"])
            raise CourseError(
                tr(
                    es=f"kafka_py no tiene la opción {', '.join(unknown)} en este sentido; tiene: {names}.",
                    en=f"kafka_py has no option {', '.join(unknown)} in this direction; it has: {names}.",
                )
            )


def _truth(values: Mapping[str, str], name: str, default: bool) -> bool:
    text = values.get(name, str(default)).lower()
    if text not in ("true", "false"):
        raise _wrong(name, text, "true, false")
    return text == "true"


def _number(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, str(default))
    if not text.isdecimal() or (name in values and int(text) == 0):
        raise _wrong(name, text, "1, 2, 3…")
    return int(text)


def _place(values: Mapping[str, str], name: str, default: str) -> int | Offsets:
    """EARLIEST, LATEST, or an offset for each partition."""
    text = values.get(name, default).strip()
    if text.lower() in ("earliest", "latest"):
        return EARLIEST if text.lower() == "earliest" else LATEST
    try:
        told: Any = json.loads(text)
        return {
            topic: {str(int(number)): int(offset) for number, offset in partitions.items()}
            for topic, partitions in told.items()
        }
    except (ValueError, AttributeError, TypeError):
        raise _wrong(name, text, '"earliest", "latest", {"topic": {"0": 23, "1": -2}}') from None


def _wrong(name: str, value: str, expected: str) -> CourseError:
    shown = READING.get(name, name)
    return CourseError(
        tr(
            es=f"{shown}={value!r} no vale; vale: {expected}",
            en=f"{shown}={value!r} does not do; what does: {expected}",
        )
    )
