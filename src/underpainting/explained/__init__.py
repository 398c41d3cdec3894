"""The pages that explain errors and terms, and which of them a refusal's line belongs to.

They are pages of the docs, which a wheel holds in a folder beside this file. `lines.json` tells of each page
what its messages have in common, whatever values they quote; `python -m website.errors` writes it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from underpainting.errors import UnderpaintingError, nearest

HERE = Path(__file__).parent
DOCS = next((home for home in (HERE / "docs", HERE.parents[2] / "docs") if home.is_dir()), HERE / "docs")
INDICES = ("README", "symptoms")
_HEADING = re.compile(r"^#+ (.+)$", flags=re.M)


def page_of(message: str) -> str:
    """The name of the error page that a refusal's line belongs to; empty where there is none."""
    known = ((parts, page) for parts, page in _lines() if has_parts(message, parts))
    return max(known, key=lambda line: len("".join(line[0])), default=([], ""))[1]


def has_parts(message: str, parts: list[str]) -> bool:
    """Whether a message has all parts, one after the other."""
    place = 0
    for part in parts:
        if (found := message.find(part, place)) < 0:
            return False
        place = found + len(part)
    return True


def errors() -> dict[str, str]:
    """The error pages' titles by name."""
    texts = {path.stem: _read(path) for path in sorted((DOCS / "errors").glob("*.md"))}
    return {name: _HEADING.findall(text)[0] for name, text in texts.items() if name not in INDICES}


def terms() -> dict[str, str]:
    """Sections of the page of concepts by their headings, in lower case."""
    parts = re.split(r"^(?=## )", _read(DOCS / "concepts.md"), flags=re.M)[1:]
    return {_HEADING.findall(part)[0].lower(): part for part in parts}


def explanation(name: str) -> tuple[str, str]:
    """The page of an error or the section of a term, in Markdown, and the folder in the docs that it is in.

    Raises UnderpaintingError where there is neither, with the nearest names.
    """
    if name in errors():
        return _read(DOCS / "errors" / f"{name}.md"), "errors"
    if (section := terms().get(name.lower())) is not None:
        return section, ""
    near = nearest(name.lower(), [*errors(), *terms()])
    told = f"nearest are {', '.join(near)}" if near else "`underpainting explain` lists what is explained"
    raise UnderpaintingError(f"nothing is explained by the name {name!r}; {told}")


@cache
def _lines() -> list[tuple[list[str], str]]:
    return [(line["parts"], line["page"]) for line in json.loads(_read(HERE / "lines.json"))]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
