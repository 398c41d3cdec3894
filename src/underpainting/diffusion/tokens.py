"""What a pipeline's text encoders are given of a prompt: token ids, up to its own call's limit."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from underpainting.diffusion.weightless import Weightless, without_weights
from underpainting.errors import UnderpaintingError

LONGEST = 100_000  # tokens; a tokenizer without a limit of its own states a huge one


@dataclass(frozen=True)
class TextTokens:
    """What a model is given of one prompt.

    ids: token ids, tokenizer by tokenizer; prompts of equal ids are one prompt to the model. limit: how many
    tokens the encoder that reads most of them takes. is_cut: whether every encoder is given less than all.
    """

    ids: tuple[tuple[Any, ...], ...]
    limit: int
    is_cut: bool


def text_tokens(pipe: Any, call: Mapping[str, Any]) -> list[TextTokens]:
    """What the text encoders would be given of each prompt, found out without running them.

    The pipeline's own call is made as far as its `encode_prompt`, with encoders that have shapes alone; what
    its tokenizers give on the way is what is looked for. A tokenizer that is not heard so is asked by its own
    limit; without any, prompts are told apart as texts. call: its arguments.
    """
    prompts, heard = call["prompt"], hear(pipe, call)
    if not heard:
        return [TextTokens(((prompt,),), 0, False) for prompt in prompts]
    parts = [tokenizer.tokens(prompts) for tokenizer in heard.values()]
    limit = max(limit for _, limit, _ in parts)
    return [
        TextTokens(tuple(ids[i] for ids, _, _ in parts), limit, all(cut[i] for _, _, cut in parts))
        for i in range(len(prompts))
    ]


def hear(pipe: Any, call: Mapping[str, Any]) -> "dict[str, Heard]":
    """The tokenizers of a pipeline by name, having heard what a call asks them of its prompts."""
    heard = {name: Heard(part) for name, part in pipe.components.items() if _is_tokenizer(name, part)}
    if heard and hasattr(pipe, "encode_prompt"):
        _encode(pipe, heard, call)
    return heard


class _Encoded(Exception):
    """The prompts are encoded: no more of the call is wanted."""


class Heard:
    """A tokenizer that keeps the first texts it is called with, and what it gave."""

    def __init__(self, tokenizer: Any) -> None:
        """Nothing is heard yet."""
        self.tokenizer = tokenizer
        self.call: tuple[list[str], Any, dict[str, Any]] | None = None

    def __getattr__(self, name: str) -> Any:
        """Whatever else the tokenizer has."""
        return getattr(self.tokenizer, name)

    def __call__(self, *given: Any, **options: Any) -> Any:
        """What the tokenizer gives."""
        result = self.tokenizer(*given, **options)
        if self.call is None and given and isinstance(given[0], list):
            self.call = given[0], result["input_ids"], options
        return result

    def tokens(self, prompts: Sequence[str]) -> tuple[list[tuple[int, ...]], int, list[bool]]:
        """Ids of each prompt, how many there can be, and whether the prompt has more."""
        texts, given, options = self._asked(prompts)
        ids = [tuple(map(int, row)) for row in given]
        limit = options.get("max_length") or max(map(len, ids))
        special = {key: of for key, of in options.items() if key == "add_special_tokens"}
        whole = self.tokenizer(texts, **special, verbose=False)["input_ids"]
        return ids, limit, [len(row) > limit for row in whole]

    def offsets(self, prompts: Sequence[str]) -> tuple[list[str], list[list[tuple[int, int]]]]:
        """The text that it is called with of each prompt, and where in it each token begins and ends.

        Raises UnderpaintingError where it tells no offsets.
        """
        if not getattr(self.tokenizer, "is_fast", False):
            raise UnderpaintingError(
                f"{type(self.tokenizer).__name__} does not tell where a token stands in its text, so that "
                "words cannot be found: load its fast version"
            )
        texts, _, options = self._asked(prompts)
        plain = {key: of for key, of in options.items() if key != "return_tensors"}
        return texts, self.tokenizer(texts, **plain, return_offsets_mapping=True)["offset_mapping"]

    def _asked(self, prompts: Sequence[str]) -> tuple[list[str], Any, dict[str, Any]]:
        """Texts, their ids and the options of its call; where it was not heard, by its own limit."""
        if self.call is None or len(self.call[0]) != len(prompts):
            limit = self.tokenizer.model_max_length
            bounds = {"truncation": True, "max_length": limit} if limit < LONGEST else {}
            texts = list(prompts)
            self.call = texts, self.tokenizer(texts, **bounds)["input_ids"], bounds
        return self.call


def _is_tokenizer(name: str, part: Any) -> bool:
    return name.startswith("tokenizer") and callable(part) and hasattr(part, "model_max_length")


def _encode(pipe: Any, heard: Mapping[str, Heard], call: Mapping[str, Any]) -> None:
    """Have a pipeline's call encode its prompts, as far as it can without weights."""
    other = copy.copy(pipe)
    other.__dict__.update(heard)

    def encode_prompt(*given: Any, **options: Any) -> None:
        type(pipe).encode_prompt(other, *given, **options)
        raise _Encoded

    other.__dict__["encode_prompt"] = encode_prompt
    with _quiet():
        try:
            for name, part in pipe.components.items():
                if name.startswith("text_encoder") and part is not None:
                    other.__dict__[name] = Weightless(without_weights(part))
            other(**call)
        except Exception:  # whatever a foreign encoder does without weights: its tokenizer came before
            return


@contextmanager
def _quiet() -> Iterator[None]:
    """The libraries warn of prompts that are cut, all of them at once; callers say it in one line."""
    import transformers.utils as transformers
    from diffusers.utils import logging

    before = [(library, library.get_verbosity()) for library in (logging, transformers.logging)]
    for library, _ in before:
        library.set_verbosity_error()
    try:
        yield
    finally:
        for library, verbosity in before:
            library.set_verbosity(verbosity)
