"""Notebooks as pages: their text, code and outputs in Markdown, their pictures as files."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def as_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and the pictures that it shows, by their names beside the page."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            parts += _shown(output, path.stem, pictures)
    parts.append(f'<a href="{path.name}" download>This page as a notebook</a>')
    return "\n\n".join(parts) + "\n", pictures


def _shown(output: dict[str, Any], stem: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """An output: a picture before HTML before text."""
    data = output.get("data", {})
    if "image/png" in data:
        name = f"{stem}-{len(pictures) + 1}.png"
        pictures[name] = b64decode("".join(data["image/png"]))
        yield f"![what the code above draws]({name})"
    elif "text/html" in data:
        yield "".join(data["text/html"]).replace("\n", " ")
    elif text := "".join(output.get("text", data.get("text/plain", []))):
        yield f"```\n{text.rstrip()}\n```"
