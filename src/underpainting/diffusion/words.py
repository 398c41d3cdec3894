"""Which of the tokens that a denoiser is given of a prompt are a word's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch

from underpainting.diffusion.tokens import hear
from underpainting.errors import UnderpaintingError


@dataclass(frozen=True)
class WordTokens:
    """Words among the tokens that one tokenizer gives of each picture's prompt.

    length: tokens of a prompt, with what fills it up. at: by picture and word, the positions of its tokens
    from 0; none where it is cut off.
    """

    length: int
    at: tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True)
class Words:
    """Words of each picture's prompt, found in what its tokenizers give.

    of: by picture, as many of each. texts: tokenizer by tokenizer; those that say the same stand once.
    """

    of: tuple[tuple[str, ...], ...]
    texts: tuple[WordTokens, ...]

    def shares(self, tokens: int) -> torch.Tensor:
        """What each token of a denoiser's text counts for each word, [picture, token, word]: the mean over a
        word's tokens is the product with these.

        A text is that of one tokenizer, or those of several end to end, whatever adds up to its length.
        Raises UnderpaintingError where it cannot be told which, and for a word that none of them holds.
        """
        numbers = range(len(self.texts))
        fits = [
            chosen
            for count in range(1, len(self.texts) + 1)
            for chosen in combinations(numbers, count)
            if sum(self.texts[i].length for i in chosen) == tokens
        ]
        if len(fits) != 1:
            lengths = ", ".join(str(text.length) for text in self.texts)
            raise UnderpaintingError(
                f"the network is given {tokens} text tokens, its tokenizers give {lengths}: which are a "
                "word's cannot be told; this pipeline has no word maps"
            )
        texts = [self.texts[i] for i in fits[0]]
        shares = torch.zeros(len(self.of), tokens, len(self.of[0]))
        for i, words in enumerate(self.of):
            for j, word in enumerate(words):
                starts = [sum(text.length for text in texts[:k]) for k in range(len(texts))]
                own = [start + at for start, text in zip(starts, texts, strict=True) for at in text.at[i][j]]
                if not own:
                    raise _cut(word, tokens)
                shares[i, own, j] = 1 / len(own)
        return shares


def find_words(pipe: Any, words: Sequence[Sequence[str]], call: Mapping[str, Any]) -> Words:
    """Find words, or several in a row, in each picture's prompt; letters' case is no matter.

    They are found by the tokenizers' own offsets, at every place where the prompt has them. call: the
    pipeline's, with its prompts. Raises UnderpaintingError for a word that is not in its prompt or lies
    beyond what is read of it, and where tokenizers tell no offsets.
    """
    prompts = call["prompt"]
    if isinstance(words, str) or len(words) != len(prompts) or len({*map(len, words)}) != 1 or not words[0]:
        raise UnderpaintingError("give words, as many for each prompt")
    for prompt, own in zip(prompts, words, strict=True):
        for word in own:
            if not (word.strip() and _pattern(word).search(prompt)):
                raise UnderpaintingError(f"word {word!r} is not in the prompt {prompt!r}")
    heard = hear(pipe, call)
    texts = dict.fromkeys(_in_text(tokenizer, prompts, words) for tokenizer in heard.values())
    if not texts:
        raise UnderpaintingError(f"{type(pipe).__name__} has no tokenizer: words cannot be found in prompts")
    for i, own in enumerate(words):
        for j, word in enumerate(own):
            if not any(text.at[i][j] for text in texts):
                raise _cut(word, max(text.length for text in texts))
    return Words(tuple(map(tuple, words)), tuple(texts))


def words_of_each(
    words: Sequence[str] | Sequence[Sequence[str]], prompts: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Words by picture, where they may be given once for all."""
    shared = tuple(word for word in words if isinstance(word, str))
    return (shared,) * len(prompts) if len(shared) == len(words) else tuple(map(tuple, words))


def _in_text(tokenizer: Any, prompts: Sequence[str], words: Sequence[Sequence[str]]) -> WordTokens:
    """Of what one tokenizer was called with: each text may be the prompt cleaned, or within other words."""
    texts, offsets = tokenizer.offsets(prompts)
    at = tuple(
        tuple(_positions(word, prompt, text, spans) for word in own)
        for prompt, own, text, spans in zip(prompts, words, texts, offsets, strict=True)
    )
    return WordTokens(max(map(len, offsets)), at)


def _positions(word: str, prompt: str, text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    start = text.find(prompt)
    within = (start, start + len(prompt)) if start >= 0 else (0, len(text))
    positions: list[int] = []
    for match in _pattern(word).finditer(text, *within):
        own = [i for i, (first, end) in enumerate(spans) if first < match.end() and end > match.start()]
        if own and spans[own[-1]][1] >= match.end():  # else it is cut in two
            positions += own
    return tuple(positions)


def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def _cut(word: str, tokens: int) -> UnderpaintingError:
    return UnderpaintingError(
        f"word {word!r} is not among the {tokens} tokens that are read of its prompt: put it nearer to the "
        "beginning"
    )
