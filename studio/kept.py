"""Where renders are kept, and which of them are never trained on."""

from __future__ import annotations

import os
from pathlib import Path

HELD_OUT_EVERY = 10  # every tenth scene is only measured


def folder() -> Path:
    """Where renders are kept unless told otherwise."""
    named = os.environ.get("UNDERPAINTING_STUDIO")
    return Path(named) if named else Path.home() / ".cache" / "underpainting-studio" / "renders"
