"""The still life's tokenizer: CLIP's kind, words of its world merged, every other word spelt out."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from studio.world import CLASSES, COLOURS, FLOORS, WALLS, prompt

LENGTH = 24
START, END = "<|startoftext|>", "<|endoftext|>"


def world_words() -> list[str]:
    """Every word that a prompt of the world may use, sorted."""
    rng = np.random.default_rng(0)
    every = [prompt(c, k, f, w, rng) for c in CLASSES for k in COLOURS for f in FLOORS for w in WALLS]
    return sorted(set(re.findall(r"[a-z]+", " ".join(every))))


def merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until each word is one token (Sennrich et al. 2016)."""
    split = [[*word[:-1], word[-1] + "</w>"] for word in words]
    found = []
    while pairs := Counter(pair for word in split for pair in pairwise(word)):
        a, b = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append((a, b))
        for word in split:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == (a, b):
                    word[i : i + 2] = [a + b]
                i += 1
    return found


def build() -> CLIPTokenizer:
    """The tokenizer, of at most LENGTH tokens a prompt."""
    letters = sorted(ByteLevel.alphabet())
    joined = merges(world_words())
    tokens = [*letters, *(c + "</w>" for c in letters), *dict.fromkeys(a + b for a, b in joined), START, END]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=joined, model_max_length=LENGTH)
