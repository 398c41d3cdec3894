"""The still life: the small latent diffusion model, estimator and classifier that ship with the package."""

import json
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path

ENDS = "</w>"  # a word, in the tokenizer's vocabulary
NEAR = 0.65  # of difflib's ratio: mgu and mug


def folder() -> Path:
    """Folder that holds `pipeline/`, `estimator/`, `classifier/` and the model card."""
    return Path(__file__).parent


def strange_words(prompt: str) -> dict[str, str | None]:
    """Words of a prompt that no training caption had, each with one of theirs where one is near.

    The tokenizer has every word of the captions as one token, and spells others.
    """
    known = _words()
    spoken = dict.fromkeys(re.findall(r"[^\W\d_]{2,}", prompt.lower()))
    near = {word: get_close_matches(word, known, 1, NEAR) for word in spoken if word not in known}
    return {word: found[0] if found else None for word, found in near.items()}


@cache
def _words() -> tuple[str, ...]:
    tokenizer = folder() / "pipeline" / "tokenizer" / "tokenizer.json"
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return tuple(sorted(token.removesuffix(ENDS) for token in vocabulary if token.endswith(ENDS)))
