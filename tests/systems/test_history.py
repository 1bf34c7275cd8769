"""The history checker: against a naive model on random histories, and its report."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlprod.systems import history
from mlprod.systems.history import Inversion

messages = st.tuples(st.sampled_from("ab"), st.integers(0, 5))
histories = st.lists(messages, max_size=14)


def naive(sent, received):
    """Each anomaly by its definition, in quadratic time."""
    lost = [m for i, m in enumerate(sent) if m not in received and m not in sent[:i]]
    duplicated = [m for i, m in enumerate(received) if m in sent and m in received[:i]]
    phantom = [m for m in received if m not in sent]
    late = [
        m
        for i, m in enumerate(received)
        if m in sent
        and m not in received[:i]
        and any(e in sent and e[0] == m[0] and sent.index(e) > sent.index(m) for e in received[:i])
    ]
    return lost, duplicated, phantom, late


@given(sent=histories, received=histories)
def test_agrees_with_the_definitions(sent, received):
    found = history.check(sent, received)
    lost, duplicated, phantom, late = naive(sent, received)
    assert (found.lost, found.duplicated, found.phantom) == (lost, duplicated, phantom)
    assert [(i.key, i.late) for i in found.out_of_order] == late
    for key, early, late_id in found.out_of_order:
        assert sent.index((key, late_id)) < sent.index((key, early))
        assert received.index((key, early)) < received.index((key, late_id))
    assert found.ok == (not any([lost, duplicated, phantom, late])) == (not found.anomalies)


@given(sent=histories, shuffled=st.randoms(use_true_random=False))
def test_keys_may_interleave_in_any_way(sent, shuffled):
    sent = list(dict.fromkeys(sent))
    waiting = {key: [m for m in sent if m[0] == key] for key in "ab"}
    received = []
    while any(waiting.values()):
        received.append(waiting[shuffled.choice([key for key in waiting if waiting[key]])].pop(0))
    assert history.check(sent, received).ok


@given(sent=histories, received=histories)
def test_options_forgive_one_anomaly_and_hide_none_from_the_lists(sent, received):
    strict = history.check(sent, received)
    forgiving = history.check(iter(sent), iter(received), order=False, allow_duplicates=True)
    assert forgiving.anomalies == [name for name in strict.anomalies if name in ("lost", "phantom")]
    assert (forgiving.duplicated, forgiving.out_of_order) == (strict.duplicated, strict.out_of_order)


SENT = [("a", 1), ("a", 2), ("b", 1), ("a", 3)]


@pytest.mark.parametrize(
    "received, anomaly, es, en",
    [
        (SENT[:3], "lost", "perdidos: 1. Por ejemplo, 3 con clave 'a'", "lost: 1. For example, 3 with key 'a'"),
        ([*SENT, SENT[3]], "duplicated", "duplicados: 1.", "handled as deliveries 4 and 5"),
        ([*SENT, ("c", 1)], "phantom", "nadie envió eso", "nobody sent that"),
        ([SENT[1], SENT[0], *SENT[2:]], "out_of_order", "fuera de orden: 1.", "but 1 was sent first"),
    ],
)
def test_the_report_names_each_anomaly_and_shows_an_example(monkeypatch, received, anomaly, es, en):
    found = history.check(SENT, received)
    assert found.anomalies == [anomaly]
    for lang, expected in (("es", es), ("en", en)):
        monkeypatch.setenv("LANG_COURSE", lang)
        monkeypatch.setattr(sys.modules["mlprod.language"], "_chosen", None)
        assert expected in str(found)


def test_the_example_is_the_smallest():
    sent = [("a", n) for n in range(10)]
    received = [("a", n) for n in (9, 0, 1, 2, 3, 4, 6, 5, 7, 8)]
    found = history.check(sent, [*received, received[0], received[9]])
    assert len(found.out_of_order) == 9
    assert found.out_of_order[0] == Inversion("a", early=9, late=0)
    assert "10" in str(found) and "12" in str(found)  # ("a", 8) again two deliveries later, not ("a", 9) ten later


def test_bytes_and_text_are_not_the_same_key():
    found = history.check([("7", 1)], [(b"7", 1)])
    assert found.anomalies == ["lost", "phantom"]
    assert "b'7'" in str(found)
