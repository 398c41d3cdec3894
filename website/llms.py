"""`llms.txt`: what the site is and what each of its pages says, for language models (llmstxt.org)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LONGEST = 300  # characters of a page's sentence


def listing(name: str, about: str, nav: Any) -> str:
    """The file's text: a section a part of the navigation, a line a page with its first sentence."""
    parts = [f"# {name}\n", f"> {about}\n"]
    for item in nav.items:
        pages = list(_pages(item))
        parts.append(f"## {item.title}\n")
        parts += [f"- [{page.title}]({page.file.src_uri}): {first_sentence(page.markdown)}" for page in pages]
        parts.append("")
    return "\n".join(parts)


def first_sentence(markdown: str) -> str:
    """The first sentence of a page's first paragraph, as plain text."""
    without = re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S)
    blocks = [" ".join(block.split()) for block in without.split("\n\n")]
    prose = next((block for block in blocks if block and block[0] not in "#|>-:!<"), "")
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", prose)
    sentence = re.split(r"(?<=[.!?:])\s+(?=[A-Z`])", plain, maxsplit=1)[0]
    return sentence if len(sentence) <= LONGEST else f"{sentence[:LONGEST].rsplit(' ', 1)[0]} ..."


def _pages(item: Any) -> Iterator[Any]:
    if item.is_page:
        yield item
    for child in item.children or ():
        yield from _pages(child)
