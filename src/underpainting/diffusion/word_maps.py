"""Heat maps of a prompt's words: where in the picture attention is paid to them.

They are averaged as by DAAM (Tang et al. 2023, arXiv 2210.04885): over heads and over a word's tokens, each
layer's map then brought to the finest layer's grid by bicubic interpolation, cut off below 0, and averaged
over layers, and over steps.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn.functional import interpolate

from underpainting.diffusion.evaluations import Evaluations
from underpainting.diffusion.layer_hooks import BatchRows, check_times
from underpainting.diffusion.text_attention import TextAttention, hear_text_attention
from underpainting.diffusion.watching import StepRecord
from underpainting.diffusion.words import Words
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import Grid, finest


@dataclass(frozen=True, eq=False)
class WordMaps:
    """Where attention is paid to words.

    words: by picture. by_step [step, picture, word, h, w], float32 on the CPU: the share of its attention,
    0 to 1, that a place pays to the mean token of a word; of the conditional branch, at each step's first
    evaluation. latents [picture, channel, h, w]: of the finished pictures, bit-equal to those of a run
    without word maps.
    """

    words: tuple[tuple[str, ...], ...]
    by_step: torch.Tensor
    latents: torch.Tensor

    @property
    def maps(self) -> torch.Tensor:
        """Their mean over steps, [picture, word, h, w]."""
        return self.by_step.mean(0)


class KeptMaps:
    """Keeps the maps of all steps of a run. words: by picture."""

    def __init__(self, words: tuple[tuple[str, ...], ...]) -> None:
        """Keep nothing yet."""
        self.words = words
        self._steps: list[torch.Tensor] = []

    def look(self, record: StepRecord) -> None:
        """Keep one step's."""
        if record.words is not None:
            self._steps.append(record.words)

    def of(self, latents: torch.Tensor) -> WordMaps:
        """All that was kept, with the latents that were made."""
        return WordMaps(self.words, torch.stack(self._steps), latents)


class WordHooks:
    """Hooks on all modules that attend to the text: the maps of the evaluation that is going on."""

    def __init__(self, words: Words, rows: BatchRows, evaluations: Evaluations, latents: Grid) -> None:
        """Keep what to hear; nothing is hooked before `on`. latents: the grid of the pictures' latents."""
        self._words, self._rows, self._evaluations, self._latents = words, rows, evaluations, latents
        self._paths: tuple[str, ...] = ()
        self._heard: dict[str, list[torch.Tensor | None]] = {}

    @contextmanager
    def on(self, denoiser: torch.nn.Module) -> Iterator[None]:
        """Hear a denoiser; every hook is taken off at the end, whatever happens."""
        with hear_text_attention(denoiser, self._is_first, self._hear) as self._paths:
            yield

    def maps(self) -> torch.Tensor:
        """The present step's, [picture, word, h, w], on the CPU, and forget what was heard.

        Raises UnderpaintingError where a module was not called once in every call of the network.
        """
        heard, self._heard = self._heard, {}
        for path in self._paths:
            check_times(path, len(heard.get(path, ())), self._rows, self._evaluations.step)
        return average([maps for own in heard.values() for maps in own if maps is not None]).cpu()

    def _is_first(self) -> bool:
        return self._evaluations.first

    def _hear(self, path: str, attention: TextAttention) -> None:
        calls = self._heard.setdefault(path, [])
        rows = self._rows.in_call("conditional", len(calls))
        if rows is None:
            calls.append(None)
            return
        own = attention.of_rows(lambda of: of[rows] if len(of) > 1 else of)
        paid = own.paid(self._words.shares(attention.text_tokens)).transpose(1, 2)
        calls.append(paid.reshape(*paid.shape[:2], *grid_of(paid.shape[2], self._latents)))


def average(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Layers' maps [picture, word, h, w], on grids of their own, as one on the finest of these."""
    grid = finest((of.shape[-2], of.shape[-1]) for of in maps)
    total = torch.zeros(*maps[0].shape[:2], *grid, device=maps[0].device)
    for of in maps:
        total += interpolate(of, grid, mode="bicubic").clamp(min=0)
    return total / len(maps)


def grid_of(tokens: int, latents: Grid) -> Grid:
    """The grid that so many tokens of latents are on: one of k x k of these to a token.

    Raises UnderpaintingError where there is none.
    """
    for k in range(1, max(latents) + 1):
        rows, columns = (-(-side // k) for side in latents)
        if rows * columns == tokens:
            return rows, columns
    raise UnderpaintingError(
        f"{tokens} tokens of a picture are on no grid of its {latents[0]} x {latents[1]} latents: "
        "words cannot be watched"
    )
