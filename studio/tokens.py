"""The still life's tokenizer: CLIP's kind, words of its world merged, every other word spelt out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from studio.captions import WORDS
from studio.world import CLASSES, COLOURS, FLOORS, WALLS, prompt

LENGTH = 24
START, END = "<|startoftext|>", "<|endoftext|>"


def world_words() -> list[str]:
    """Every word that a prompt of the world may use, sorted."""
    rng = np.random.default_rng(0)
    every = [prompt(c, k, f, w, rng) for c in CLASSES for k in COLOURS for f in FLOORS for w in WALLS]
    return sorted(set(re.findall(r"[a-z]+", " ".join(every))))


def merges(words: Sequence[str], known: list[tuple[str, str]] | None = None) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until each word is one token (Sennrich et al. 2016).

    Those ``known`` before come first; what is returned are the further ones.
    """
    split = [[*word[:-1], word[-1] + "</w>"] for word in words]
    for pair in known or []:
        _join(split, pair)
    found = []
    while pairs := Counter(pair for word in split for pair in pairwise(word)):
        pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(pair)
        _join(split, pair)
    return found


def _join(split: list[list[str]], pair: tuple[str, str]) -> None:
    """Joins a pair wherever words, split into tokens, hold it."""
    for word in split:
        i = 0
        while i < len(word) - 1:
            if (word[i], word[i + 1]) == pair:
                word[i : i + 2] = ["".join(pair)]
            i += 1


def build() -> CLIPTokenizer:
    """The tokenizer, of at most LENGTH tokens a prompt.

    Tokens of words that only training captions use (`studio.captions`) come last, so that others keep their
    numbers.
    """
    letters = sorted(ByteLevel.alphabet())
    joined = merges(world_words())
    told = merges(WORDS, joined)
    single = [*letters, *(c + "</w>" for c in letters)]
    tokens = [*single, *(a + b for a, b in joined), START, END, *(a + b for a, b in told)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=[*joined, *told], model_max_length=LENGTH)
