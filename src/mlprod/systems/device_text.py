"""Text as the next-word models of unit 05 see it: the same few rules here and in the page's JavaScript.

Every character class is spelled out, because what \\w or \\s means differs between the two languages.
"""

from __future__ import annotations

import re
import unicodedata

LETTERS = "A-Za-zÀ-ÖØ-öø-ɏ"  # Latin, with the accents of every language that is written with it
SPACE = " \\t\\n\\r"
NUMBER = "<num>"
SENTENCE_ENDS = (".", "!", "?")
PUNCTUATION = (*SENTENCE_ENDS, ",", ";", ":", "(", ")", "¿", "¡")

# a full stop inside a name (debian.org) ends no sentence: after a true one comes white space or the end of the text
_TOKEN = re.compile(f"[{LETTERS}]+(?:['-][{LETTERS}]+)*|[0-9]+|[.!?](?![^{SPACE}])|[,;:()¿¡]")
_PREFIX = re.compile(f"[{LETTERS}]+(?:['-][{LETTERS}]*)*\\Z")


def normalise(text: str) -> str:
    """`text` in lower case, composed (NFC), with one kind of apostrophe."""
    return unicodedata.normalize("NFC", text).lower().replace("\u2019", "'")


def tokens(text: str) -> list[str]:
    """The words and punctuation marks of `text` in order, in lower case; a number is `<num>`, the rest is dropped.

    >>> tokens("¿Cuántos paquetes hay? Hay 59000 en debian.org.")
    ['¿', 'cuántos', 'paquetes', 'hay', '?', 'hay', '<num>', 'en', 'debian', 'org', '.']
    """
    return [NUMBER if token[0] in "0123456789" else token for token in _TOKEN.findall(normalise(text))]


def split_text(text: str) -> tuple[str, str]:
    """What is written already, and the beginning of the word being typed ("" when none is); both normalised.

    >>> split_text("The package Mana")
    ('the package ', 'mana')
    """
    text = normalise(text)
    found = _PREFIX.search(text)
    return (text[: found.start()], found[0]) if found else (text, "")


def sentence(words: list[str]) -> list[str]:
    """The tokens after the last end of a sentence.

    >>> sentence(["it", "works", ".", "then"])
    ['then']
    """
    last = max((i for i, word in enumerate(words) if word in SENTENCE_ENDS), default=-1)
    return words[last + 1 :]
