"""What is given in Python: prompts and seeds (a file, a list, a DataFrame), a model, settings by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from underpainting.diffusion import Model
from underpainting.diffusion.stored import device_of
from underpainting.errors import UnderpaintingError, shown
from underpainting.study.request.config import StudyConfig, parse_config
from underpainting.study.request.options import by_section
from underpainting.study.request.presets import with_preset
from underpainting.study.request.prompts import PromptRow, about_prompts, numbered, read_prompts
from underpainting.study.request.table import Table, column_names, raw_rows

GIVEN = "given in Python"
"""What a config says of prompts that come from no file."""

Prompts = Any
"""A file's name; prompts, or pairs of prompt and seed; a DataFrame of the columns that a file may have."""


def named(prompts: Prompts) -> str:
    """What a config says of where prompts are from."""
    return str(prompts) if isinstance(prompts, str | Path) else GIVEN


def given_rows(
    prompts: Prompts, limit: int | None = None, *, after: Sequence[PromptRow] = ()
) -> list[PromptRow]:
    """Rows of prompts however they are given, numbered and checked as those of a file are.

    Prompts without seeds are given 0, 1, ... in their order. limit, after: as in `read_prompts`. Raises
    UnderpaintingError naming the row that is none.
    """
    if isinstance(prompts, str | Path):
        return read_prompts(str(prompts), limit, after=after)
    if hasattr(prompts, "to_pandas"):  # of polars, pyarrow, datasets
        prompts = prompts.to_pandas()
    name = "test_prompts" if after else "prompts"
    if hasattr(prompts, "iloc") and hasattr(prompts, "columns"):
        rows = list(raw_rows(_of_frame(prompts, name)))
    else:
        rows = [
            next(raw_rows(_of_entry(entry, name, f"row {i}")))
            for i, entry in enumerate(_listed(prompts), start=1)
        ]
    if not rows:
        raise UnderpaintingError(f"{name} hold no row; give one or more")
    return numbered(rows[:limit], name, after)


def about_given(prompts: Prompts) -> list[str]:
    """What to say of how prompts were read, a line each; see `about_prompts`."""
    return about_prompts(str(prompts)) if isinstance(prompts, str | Path) else []


def given_config(given: Mapping[str, Any], preset: str | None) -> StudyConfig:
    """A config of settings by their names as options; None is left out. Raises as `parse_config`."""
    plain = {name: _plain(value) for name, value in given.items() if value is not None}
    return parse_config(with_preset(preset, by_section(plain)), "settings")


def settings_of(model: Model) -> dict[str, Any]:
    """What a config says of a loaded model: the type it computes in, where, and its negative prompt."""
    denoiser, negative = model.adapter.denoiser(model.pipe), model.arguments.get("negative_prompt")
    dtype, device = str(denoiser.dtype).removeprefix("torch."), str(device_of(model.pipe, denoiser))
    negative = negative if isinstance(negative, str) else None
    return {"dtype": dtype, "device": device, "negative_prompt": negative}


def _plain(value: Any) -> Any:
    """A setting as a file could hold it."""
    if isinstance(value, str) or not isinstance(value, Path | Sequence):
        return value
    return str(value) if isinstance(value, Path) else list(value)


def _listed(prompts: Prompts) -> list[Any]:
    """Entries in their order, which mappings and sets do not have, or not as prompts."""
    try:
        if not isinstance(prompts, Mapping | Set | bytes):
            return list(prompts)
    except TypeError:
        pass
    raise UnderpaintingError(
        f"prompts are of type {type(prompts).__name__}: give a file, a list of prompts or of "
        "(prompt, seed), or a DataFrame"
    )


def _of_frame(frame: Any, name: str) -> Table:
    """A DataFrame's table; what pandas knows to be missing is None."""
    cells = [
        column.astype(object).where(column.notna(), None).tolist()
        for column in (frame.iloc[:, place] for place in range(frame.shape[1]))
    ]
    rows = [(f"row {i}", row) for i, row in enumerate(zip(*cells, strict=True), start=1)]
    return Table(name, column_names(frame.columns), rows)


def _of_entry(entry: Any, name: str, where: str) -> Table:
    """One entry of a list as a table of its own: entries may be of either kind."""
    if isinstance(entry, str | bytes):
        return Table(name, ("prompt",), [(where, [entry])])
    try:
        cells = [] if isinstance(entry, Mapping | Set) else list(entry)
    except TypeError:
        cells = []
    if len(cells) != 2:
        raise UnderpaintingError(f"{name} {where}: {shown(entry)} is no prompt and no (prompt, seed)")
    return Table(name, ("prompt", "seed"), [(where, cells)])
