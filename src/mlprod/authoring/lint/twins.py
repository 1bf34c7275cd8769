"""Twins must have one skeleton: what is in one language is in the other, in the same shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mlprod.authoring.lint.course import Course
from mlprod.authoring.lint.markdown import skeleton
from mlprod.authoring.model import Essay, Prose, Source, Text
from mlprod.authoring.problems import SourceError
from mlprod.language import LANGUAGES, Language, tr

IN_ORDER = ("headings", "lists", "tables")  # the rest may change places within a sentence
KINDS = (*IN_ORDER, "code", "links", "images", "formulas")


def texts(source: Source) -> Iterator[dict[Language, Text]]:
    """Every piece of prose: twins, prompts of essays and their model answers."""
    for cell in source.cells:
        if isinstance(cell, Prose):
            yield cell.texts
        elif isinstance(cell, Essay):
            yield cell.prompt
            yield cell.model_answer


def skeletons(source: Source, course: Course) -> Iterator[SourceError]:
    """Heading levels, list lengths, tables, code, links, images and formulas are equal (rules twin-headings, …)."""
    for pair in texts(source):
        if pair["es"] is pair["en"]:
            continue
        mine = {lang: skeleton(pair[lang].source) for lang in LANGUAGES}
        for kind in KINDS:
            es, en = ([(_neutral(kind, value), at) for value, at in mine[lang].values(kind)] for lang in LANGUAGES)
            if [value for value, _ in es] == [value for value, _ in en]:
                continue
            if kind in IN_ORDER:
                yield _ordered(source, kind, pair, es, en)
            elif finding := _unordered(source, kind, pair, es, en):
                yield finding


def _neutral(kind: str, value: str) -> str:
    """Links may go to the reader's own language: …/es/… stands for …/en/…, and so does an anchor within a notebook."""
    if kind not in ("links", "images"):
        return value
    value = re.sub(r"(?<=[/.])(es|en)(?=/)|^(es|en)(?=/)|(?<=//)(es|en)(?=\.)", "LANG", value)
    return value if "://" in value else value.split("#")[0] + ("#" if "#" in value else "")


def _ordered(source: Source, kind: str, pair: dict[Language, Text], es: list, en: list) -> SourceError:
    at = next((i for i, (a, b) in enumerate(zip(es, en, strict=False)) if a[0] != b[0]), min(len(es), len(en)))
    line = pair["en"].line + en[at][1] if at < len(en) else pair["es"].line + es[at][1]
    return SourceError(
        source.path,
        line,
        f"twin-{kind}",
        tr(
            es=f"{_name(kind)}: es tiene {_list(es)}; en, {_list(en)}; iguala las gemelas",
            en=f"{_name(kind)}: es has {_list(es)}; en has {_list(en)}; make the twins equal",
        ),
    )


def _unordered(source: Source, kind: str, pair: dict[Language, Text], es: list, en: list) -> SourceError | None:
    only = {
        "es": Counter(value for value, _ in es) - Counter(value for value, _ in en),
        "en": Counter(value for value, _ in en) - Counter(value for value, _ in es),
    }
    for lang, found in (("en", en), ("es", es)):
        for value, at in found:
            if only[lang][value]:
                parts = [f"{name}: {', '.join(map(repr, only[name]))}" for name in LANGUAGES if only[name]]
                return SourceError(
                    source.path,
                    pair[lang].line + at,  # type: ignore[index]
                    f"twin-{kind}",
                    tr(
                        es=f"{_name(kind)} que están en una gemela y no en la otra: {'; '.join(parts)}",
                        en=f"{_name(kind)} in one twin and not in the other: {'; '.join(parts)}",
                    ),
                )
    return None


def _list(values: list) -> str:
    return ", ".join(value for value, _ in values) or tr(es="nada", en="none")


def _name(kind: str) -> str:
    return {
        "headings": tr(es="títulos", en="headings"),
        "lists": tr(es="listas", en="lists"),
        "tables": tr(es="filas de las tablas", en="table rows"),
        "code": tr(es="código", en="code"),
        "links": tr(es="enlaces", en="links"),
        "images": tr(es="imágenes", en="images"),
        "formulas": tr(es="fórmulas", en="formulas"),
    }[kind]
