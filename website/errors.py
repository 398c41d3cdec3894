"""What the messages of each error page have in common, from the pages' examples and the package's code.

`python -m website.errors` writes `src/underpainting/explained/lines.json`, by which a refused command names
its page. Of each example on a page it takes the message of the code that says most of it, without its values.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from underpainting.explained import DOCS, HERE, errors, has_parts

SOURCE = HERE.parent
LINES = HERE / "lines.json"
FEWEST, SHARE = 3, 0.6
"""Words that a message with values must have of its own; how much of an example one without must be."""


def written() -> str:
    """What the file is to hold."""
    return json.dumps(lines(), indent=1, ensure_ascii=False) + "\n"


def lines() -> list[dict[str, Any]]:
    """A message's parts, and the page that has it most often, the first by its name of several."""
    known = list(messages())
    found: dict[tuple[str, ...], Counter[str]] = {}
    for name in errors():
        for example in examples(DOCS / "errors" / f"{name}.md"):
            fits = [one for one in known if has_parts(example, list(one[0]))]
            if said := [parts for parts, valued in fits if _tells(parts, example, valued)]:
                found.setdefault(max(said, key=_length), Counter())[name] += 1
    return [{"parts": list(parts), "page": _most(found[parts])} for parts in sorted(found)]


def examples(page: Path) -> list[str]:
    """The messages that a page quotes."""
    return re.findall(r"^underpainting: (.+)$", page.read_text(encoding="utf-8"), flags=re.M)


def messages() -> Iterator[tuple[tuple[str, ...], bool]]:
    """The texts of the package's code: what stands between the values put into each, and whether any are."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
                yield tuple(_spaced(part) for part in parts if isinstance(part, str)), True
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n\n" not in node.value:
                yield (_spaced(node.value),), False


def _tells(parts: tuple[str, ...], example: str, with_values: bool) -> bool:
    words = len(re.findall(r"[A-Za-z]{2,}", " ".join(parts)))
    return words >= FEWEST if with_values else _length(parts) >= SHARE * len(example)


def _most(pages: Counter[str]) -> str:
    return min(page for page, times in pages.items() if times == max(pages.values()))


def _length(parts: tuple[str, ...]) -> int:
    return len("".join(parts))


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


if __name__ == "__main__":
    LINES.write_text(written(), encoding="utf-8")
