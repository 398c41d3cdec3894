"""A figure as it is drawn, and as it is written: in the page's own colours, or in a palette for files."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from underpainting.markup import as_written

TEXT = 10.0  # points
CELLS = "cells"
"""The part of a figure whose paths have tooltips."""


@dataclass(frozen=True)
class Palette:
    """Colours of a figure: text, secondary text, thin lines, the property's own, the ground, and curves."""

    ink: str
    muted: str
    rule: str
    tone: str
    paper: str
    lines: tuple[str, ...]


PAGE = Palette(
    "#010101",
    "#020202",
    "#030303",
    "#040404",
    "#050505",
    ("#060606", "#070707", "#080808", "#090909", "#0a0a0a", "#0b0b0b"),
)
"""Colours that stand for the page's CSS variables until the SVG is written."""

VARIABLES = {
    PAGE.ink: "var(--ink)",
    PAGE.muted: "var(--muted)",
    PAGE.rule: "var(--rule)",
    PAGE.tone: "var(--tone)",
    PAGE.paper: "var(--paper)",
    **{hue: f"var(--line-{number})" for number, hue in enumerate(PAGE.lines, start=1)},
}


@dataclass(frozen=True)
class Drawing:
    """A figure with its name (unique on a page), what it shows in words, and tooltips of its cells."""

    figure: Figure
    name: str
    label: str
    titles: Sequence[str] = ()

    def inline(self) -> str:
        """The figure, drawn in `PAGE`, as an SVG element.

        It has no size of its own, unique ids, CSS variables for colours, and a tooltip a cell.
        """
        _same_text(self.figure)
        out = io.StringIO()
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}):
            nothing = {"Date": None, "Creator": None}
            FigureCanvasSVG(self.figure).print_figure(out, format="svg", metadata=nothing)
        svg = out.getvalue()
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
        if self.titles:
            before, cells, after = _split(svg, f'<g id="{CELLS}">', "</g>")
            words = iter(self.titles)
            cells = re.sub(
                r"<path([^>]*)/>", lambda m: f"<path{m[1]}><title>{escape(next(words))}</title></path>", cells
            )
            svg = before + cells + after
        own = _identifier(self.name)
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
        svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{own}-{m[1]}"' if m[1] in used else "", svg)
        svg = re.sub(r'url\(#|href="#', lambda m: f"{m[0]}{own}-", svg)
        for stand_in, variable in VARIABLES.items():
            svg = svg.replace(stand_in, variable)
        _, box, drawing = _split(svg, 'viewBox="', '"')
        links = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
        head = f'<svg {links} {box} role="img" aria-label="{escape(self.label)}">'
        return re.sub(r"\n\s*", "\n", head + drawing[drawing.index(">") + 1 :]).strip()

    def saved(self, kind: Literal["png", "svg"], paper: str) -> bytes:
        """The figure as a file of its own, on a ground."""
        _same_text(self.figure)
        self.figure.patch.set_visible(True)
        out = io.BytesIO()
        nothing = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name}):
            self.figure.savefig(out, format=kind, dpi=200, facecolor=paper, metadata=nothing)
        return out.getvalue()


def _identifier(name: str) -> str:
    """A name as an id of HTML; no two names have the same."""
    return re.sub(r"[^\w-]", lambda m: f".{ord(m[0]):x}.", name)


def _same_text(figure: Figure) -> None:
    as_written(figure)
    for axes in figure.axes:
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            text.set_fontsize(TEXT)


def _split(text: str, start: str, end: str) -> tuple[str, str, str]:
    """Text before, from `start` through the next `end`, and after."""
    begin = text.index(start)
    stop = text.index(end, begin + len(start)) + len(end)
    return text[:begin], text[begin:stop], text[stop:]
