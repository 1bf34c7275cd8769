"""Compare what was sent with what was handled and name what went wrong, in the spirit of Jepsen's history checkers.

    history = check(sent, received)          # both: (key, id) of each message, in order
    history.ok                               # nothing lost, duplicated, invented or out of order
    print(history)                           # each anomaly, how many, and its smallest example
    assert history.ok, history

Order is judged within a key, because no log with partitions promises more. Pure: no broker, no clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlprod.language import tr

ANOMALIES = ("lost", "duplicated", "phantom", "out_of_order")
"""The names of all anomalies, gravest first."""


class Message(NamedTuple):
    """One message: two with the same key and the same id are the same message (sent again, or delivered again)."""

    key: Hashable
    id: Hashable


class Inversion(NamedTuple):
    """Two messages of one key of which `late` was sent before `early`, and was first handled after it."""

    key: Hashable
    early: Hashable
    late: Hashable


@dataclass(frozen=True)
class History:
    """What `check` found. The lists are always complete; `judged` says which of them count as anomalies."""

    sent: int
    """Messages sent, each counted once."""
    received: int
    """Deliveries handled, repetitions included."""
    lost: list[Message]
    """Sent and never received, in the order of sending."""
    duplicated: list[Message]
    """One entry for each delivery too many of a message that was sent, in the order of handling."""
    phantom: list[Message]
    """One entry for each delivery of something that nobody sent, in the order of handling."""
    out_of_order: list[Inversion]
    """One entry for each message that came after one of its key that was sent later; first deliveries only."""
    judged: tuple[str, ...] = ANOMALIES
    _examples: dict[str, tuple[Any, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def anomalies(self) -> list[str]:
        """Names of the anomalies found, among those that count: "lost", "duplicated", "phantom", "out_of_order"."""
        return [name for name in ANOMALIES if name in self.judged and getattr(self, name)]

    @property
    def ok(self) -> bool:
        """Whether there is no anomaly among those that count."""
        return not self.anomalies

    def __str__(self) -> str:
        """A report in the reader's language: one line an anomaly, with its count and its smallest example."""
        first = tr(
            es=f"{self.sent} mensajes enviados, {self.received} entregas atendidas",
            en=f"{self.sent} messages sent, {self.received} deliveries handled",
        )
        if self.ok:
            return first + tr(es=": sin anomalías", en=": no anomalies")
        lines = [f"  {_NAMES[name]()}: {len(getattr(self, name))}. {self._example(name)}" for name in self.anomalies]
        return "\n".join([first + ".", *lines])

    def _example(self, anomaly: str) -> str:
        return tr(es="Por ejemplo, ", en="For example, ") + _EXPLAIN[anomaly](*self._examples[anomaly])


def check(
    sent: Iterable[tuple[Hashable, Hashable]],
    received: Iterable[tuple[Hashable, Hashable]],
    *,
    order: bool = True,
    allow_duplicates: bool = False,
) -> History:
    """Compare two histories of (key, id).

    sent: in the order of sending; for the order within a key to mean something, each key has one producer.
    received: in the order of handling. Keys and ids are compared as they are: `b"7"` is not `"7"`.
    order=False: order is no anomaly. allow_duplicates=True: neither are repetitions (at-least-once delivery).
    """
    position: dict[Message, int] = {}
    for key, id in sent:
        position.setdefault(Message(key, id), len(position))
    deliveries = [Message(key, id) for key, id in received]

    first: dict[Message, int] = {}  # message -> number of its first delivery, from 0
    duplicated, phantom, inversions = [], [], []
    furthest: dict[Hashable, Message] = {}  # key -> the latest sent among those handled so far
    for number, message in enumerate(deliveries):
        if message not in position:
            phantom.append((message, number))
        elif message in first:
            duplicated.append((message, first[message], number))
        else:
            first[message] = number
            ahead = furthest.setdefault(message.key, message)
            if position[message] < position[ahead]:
                inversions.append((Inversion(message.key, ahead.id, message.id), first[ahead], number))
            else:
                furthest[message.key] = message
    lost = [message for message in position if message not in first]

    examples: dict[str, tuple[Any, ...]] = {}
    if lost:
        examples["lost"] = (lost[0], position[lost[0]])
    if duplicated:
        examples["duplicated"] = min(duplicated, key=_span)
    if phantom:
        examples["phantom"] = phantom[0]
    if inversions:
        examples["out_of_order"] = min(inversions, key=_span)
    ignored = {name for name, ignore in (("out_of_order", not order), ("duplicated", allow_duplicates)) if ignore}
    return History(
        sent=len(position),
        received=len(deliveries),
        lost=lost,
        duplicated=[message for message, *_ in duplicated],
        phantom=[message for message, _ in phantom],
        out_of_order=[inversion for inversion, *_ in inversions],
        judged=tuple(name for name in ANOMALIES if name not in ignored),
        _examples=examples,
    )


def _span(found: tuple[Any, int, int]) -> int:
    """How many deliveries one has to look at to see the anomaly."""
    return found[2] - found[1]


_NAMES = {
    "lost": lambda: tr(es="perdidos", en="lost"),
    "duplicated": lambda: tr(es="duplicados", en="duplicated"),
    "phantom": lambda: tr(es="fantasmas", en="phantom"),
    "out_of_order": lambda: tr(es="fuera de orden", en="out of order"),
}


def _lost(message: Message, position: int) -> str:
    return tr(
        es=f"{message.id!r} con clave {message.key!r} fue el envío n.º {position + 1} y nadie lo atendió.",
        en=f"{message.id!r} with key {message.key!r} was sent as no. {position + 1}, and nobody handled it.",
    )


def _duplicated(message: Message, first: int, again: int) -> str:
    return tr(
        es=f"{message.id!r} con clave {message.key!r} se atendió en las entregas {first + 1} y {again + 1}.",
        en=f"{message.id!r} with key {message.key!r} was handled as deliveries {first + 1} and {again + 1}.",
    )


def _phantom(message: Message, number: int) -> str:
    return tr(
        es=f"la entrega {number + 1} fue {message.id!r} con clave {message.key!r}, y nadie envió eso.",
        en=f"delivery {number + 1} was {message.id!r} with key {message.key!r}, and nobody sent that.",
    )


def _out_of_order(inversion: Inversion, first: int, then: int) -> str:
    key, early, late = inversion
    return tr(
        es=f"con clave {key!r}, {early!r} se atendió en la entrega {first + 1} y {late!r} en la {then + 1}, "
        f"pero {late!r} se envió antes.",
        en=f"with key {key!r}, {early!r} was handled as delivery {first + 1} and {late!r} as {then + 1}, "
        f"but {late!r} was sent first.",
    )


_EXPLAIN = {"lost": _lost, "duplicated": _duplicated, "phantom": _phantom, "out_of_order": _out_of_order}
