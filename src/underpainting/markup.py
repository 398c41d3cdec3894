"""Text of anyone's as text and nothing else: in HTML for notebooks, Markdown, CSV, figures."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A table; numbers have three decimals, what is not defined is a dash."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(png: bytes, words: str) -> str:
    """A PNG within the page; words: what it shows, for who does not see it."""
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{b64encode(png).decode()}">'


def in_markdown(text: str) -> str:
    """A text on one line of Markdown, with nothing in it that is markup, a link, a cell's end or HTML."""
    return re.sub(r"[\\`*_\[\]<>|&~#!]|:(?=//)|(?<=www)\.", lambda m: f"\\{m[0]}", " ".join(text.split()))


def in_cell(value: object) -> object:
    """A value for CSV: a text on one line, an apostrophe before what a spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    words = " ".join(value.split())
    return f"'{words}" if words.startswith(("=", "+", "-", "@")) else words


def as_written(figure: Figure) -> None:
    """Take every text of a figure as it stands: a dollar sign in a name or class begins no formula.

    Call it when all is drawn.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))
