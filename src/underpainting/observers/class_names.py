"""Which of a classifier's classes a prompt asks for: by name, or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def right_classes(prompt: str, classes: Sequence[str]) -> tuple[int, ...]:
    """Indices of the classes that a prompt names, or none: nothing is guessed.

    A class's name may list synonyms between commas ("tench, Tinca tinca"), each a whole word or several, in
    the plural too. Of two names that overlap the longer one counts ("tiger cat" before "tiger"); a name that
    stands right before another is its adjective ("an orange table" is a table). Of several things the first
    is meant. More than one index means that classes share the name.
    """
    return tuple(sorted({number for _, _, number in _named(prompt, classes)}))


def naming_words(prompt: str, names: Sequence[str]) -> str | None:
    """The words by which a prompt names one of some, as they stand in it, told as by `right_classes`."""
    found = _named(prompt, names)
    if not found:
        return None
    spans = [match.span() for match in WORD.finditer(prompt)]
    return prompt[spans[found[0][0]][0] : spans[max(end for _, end, _ in found) - 1][1]]


def _named(prompt: str, classes: Sequence[str]) -> list[tuple[int, int, int]]:
    """The thing that is meant: its first word, the end of its words, and a class that has their name."""
    known, words = _by_last_word(tuple(classes)), _words(prompt)
    found = [
        (end - len(sought), end, number)
        for end in range(1, len(words) + 1)
        for last in _singulars(words[end - 1])
        for sought, number in known.get(last, ())
        if words[max(0, end - len(sought)) : end - 1] == sought[:-1]
    ]
    whole = [
        (start, end, number)
        for start, end, number in found
        if not any(a <= start and end <= b and b - a > end - start for a, b, _ in found)
    ]
    starts = {start for start, _, _ in whole}
    nouns = [noun for noun in whole if noun[1] not in starts]
    first = min((start for start, _, _ in nouns), default=None)
    return [noun for noun in nouns if noun[0] == first]


def class_numbers(names: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """Indices of the classes that have one of the names, whole or among their synonyms."""
    wanted = [_words(name) for name in names]
    return tuple(
        number
        for number, name in enumerate(classes)
        if any(_words(of) in wanted for of in (name, *name.split(",")))
    )


@lru_cache(maxsize=8)
def _by_last_word(classes: tuple[str, ...]) -> dict[str, list[tuple[list[str], int]]]:
    """By its last word, every synonym's words and its class's index."""
    known: dict[str, list[tuple[list[str], int]]] = {}
    for number, name in enumerate(classes):
        for synonym in name.split(","):
            if sought := _words(synonym):
                known.setdefault(sought[-1], []).append((sought, number))
    return known


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def _singulars(word: str) -> set[str]:
    """The word and, if it may be a plural, what it may be the plural of."""
    endings = (("s", ""), ("es", ""), ("ies", "y"))
    return {word} | {word.removesuffix(end) + of for end, of in endings if word.endswith(end)}
