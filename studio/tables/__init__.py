"""The tables that pages show, by name: each a function from the files of ``figures/`` to Markdown."""

from __future__ import annotations

from collections.abc import Callable

from studio.tables import demo, moved

TABLES: dict[str, Callable[[], str]] = {
    "demo-scores": demo.scores,
    "demo-emergence": demo.emergence,
    "demo-leads": demo.leads,
    "demo-summary": demo.summary,
    "moved-edits": moved.edits,
    "moved-ways": moved.ways,
}
