"""Prompts that a model cannot tell apart: with one seed they are one picture, and they are in one split."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from underpainting.diffusion import Model, TextTokens
from underpainting.errors import UnderpaintingError
from underpainting.study.request.prompts import PromptRow

SHOWN = 60  # characters of a prompt in a line


@dataclass(frozen=True)
class Told:
    """Pictures that differ to the model.

    rows, test_rows: those that are left; of those that are one to the model, one stands for all where they
    are split. said: what to tell a person, a line each.
    """

    rows: tuple[PromptRow, ...]
    test_rows: tuple[PromptRow, ...]
    said: tuple[str, ...]


class Sameness:
    """What makes two prompts one: equal token ids; without a model, equal words whatever case and blanks."""

    def __init__(self, model: Model | None, rows: Sequence[PromptRow]) -> None:
        """Ask the model for the tokens of all prompts."""
        prompts = sorted({row.prompt for row in rows})
        self.is_certain = model is not None
        self.tokens: Mapping[str, TextTokens] = {}
        if model is not None and prompts:
            self.tokens = dict(zip(prompts, model.text_tokens(prompts), strict=True))

    def of(self, prompt: str) -> Hashable:
        """A key that prompts which are one have in common."""
        return self.tokens[prompt].ids if prompt in self.tokens else " ".join(prompt.lower().split())

    @property
    def words(self) -> str:
        """In which way prompts are one."""
        return "to the model" if self.is_certain else "but for case and blanks"

    @property
    def cut(self) -> list[str]:
        """Prompts of which the model is given only the beginning."""
        return [prompt for prompt, tokens in self.tokens.items() if tokens.is_cut]


def tell_apart(rows: Sequence[PromptRow], test_rows: Sequence[PromptRow], model: Model | None) -> Told:
    """Leave out pictures that are others again, and say which prompts are split as one.

    model: None where it is not here yet; nothing is left out then, and `require_apart` looks again before
    pictures are made. Raises UnderpaintingError where a prompt of rows is one with a prompt that tests.
    """
    every = [*rows, *test_rows]
    same = Sameness(model, every)
    fits = {same.of(row.prompt): row for row in reversed(rows)}
    for row in test_rows:
        if other := fits.get(same.of(row.prompt)):
            raise UnderpaintingError(f"{_pair(other, row, same)}, and only one of them tests; take one away")
    left, doubles = _without_doubles(every, same)
    standing: dict[Hashable, str] = {}
    for prompt in sorted({row.prompt for row in left}):
        standing.setdefault(same.of(prompt), prompt)
    kept = [replace(row, split_as=standing[same.of(row.prompt)]) for row in left]
    tests = set(test_rows)
    said = [*_about_cut(same, every), *_about_doubles(doubles, same), *_about_alike(kept, same)]
    of_rows, testing = ([row for row in kept if (row in tests) is which] for which in (False, True))
    return Told(tuple(of_rows), tuple(testing), tuple(said))


def require_apart(rows: Sequence[PromptRow], splits: Sequence[str], model: Model) -> None:
    """Raise UnderpaintingError where prompts that are one to the model are in two splits."""
    same = Sameness(model, rows)
    first: dict[Hashable, tuple[PromptRow, str]] = {}
    for row, split in zip(rows, splits, strict=True):
        other, its = first.setdefault(same.of(row.prompt), (row, split))
        if its != split:
            raise UnderpaintingError(
                f"{_pair(other, row, same)}, and they are in two splits, {its} and {split}; init another "
                "folder where the model is, which keeps them together"
            )


def cut_prompts(rows: Sequence[PromptRow], model: Model) -> int:
    """How many prompts the model is given only the beginning of."""
    return len(Sameness(model, rows).cut)


def about_negative(model: Model | None) -> list[str]:
    """What to say of a model's negative prompt: whether it is cut."""
    text = model.arguments.get("negative_prompt") if model else None
    if model is None or not isinstance(text, str) or not (tokens := model.text_tokens([text])[0]).is_cut:
        return []
    return [
        f"the negative prompt is cut: the model reads {tokens.limit} tokens, and not the end of "
        f"{_quoted(text)}"
    ]


def _without_doubles(
    rows: Sequence[PromptRow], same: Sameness
) -> tuple[list[PromptRow], list[tuple[PromptRow, PromptRow]]]:
    """Rows that are pictures of their own; each other row behind the one that it is again."""
    first: dict[tuple[Hashable, int], PromptRow] = {}
    doubles = []
    for row in rows:
        key = same.of(row.prompt) if same.is_certain else row.image
        other = first.setdefault((key, row.seed), row)
        if other is not row:
            doubles.append((other, row))
    return list(first.values()), doubles


def _about_cut(same: Sameness, rows: Sequence[PromptRow]) -> list[str]:
    cut = set(same.cut)
    if not cut:
        return []
    row = next(row for row in rows if row.prompt in cut)
    return [
        f"{len(cut)} of {len(same.tokens)} prompts are cut: the model reads {same.tokens[row.prompt].limit} "
        f"tokens, and not the end of {_quoted(row.prompt)} ({_where(row)})"
    ]


def _about_doubles(doubles: Sequence[tuple[PromptRow, PromptRow]], same: Sameness) -> list[str]:
    if not doubles:
        return []
    pair, seed = _pair(*doubles[0], same), doubles[0][0].seed
    return [
        f"left out, as the model would make them again: {len(doubles)} pictures; {pair}, with seed {seed}"
    ]


def _about_alike(rows: Sequence[PromptRow], same: Sameness) -> list[str]:
    others = {row.prompt: row.split_as for row in rows if row.prompt != row.split_as}
    if not others:
        return []
    prompt, standing = next(iter(others.items()))
    return [
        f"{len(others)} prompts are split together with others that are the same {same.words}, such as "
        f"{_quoted(prompt)} with {_quoted(standing)}"
    ]


def _pair(one: PromptRow, other: PromptRow, same: Sameness) -> str:
    prompts = f"{_quoted(one.prompt)} and {_quoted(other.prompt)}"
    return f"{_where(one)} and {_where(other)}: {prompts} are one prompt {same.words}"


def _where(row: PromptRow) -> str:
    return row.where or row.image


def _quoted(prompt: str) -> str:
    """A prompt's two ends, for alike ones may differ at either."""
    text = " ".join(prompt.split())
    return repr(text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}")
