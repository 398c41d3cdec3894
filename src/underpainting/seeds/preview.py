"""What many seeds come to, seen after a few steps: nothing is finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.intervention.kept import name_of
from underpainting.progress import Progress
from underpainting.records import make_folder, only_run, write_bytes
from underpainting.seeds.begun import Begun
from underpainting.seeds.layout import Maps, layouts, presence
from underpainting.seeds.predict import ByProbes, decoded
from underpainting.seeds.sheet import SHOWN, Preview, preview_sheet
from underpainting.seeds.wanted import layout_of
from underpainting.seeds.wish import require_probes
from underpainting.seeds.wording import checked_seeds, parse_wishes
from underpainting.study.batch import to_bytes
from underpainting.study.environment import reload
from underpainting.study.request.suited import about_words
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT


@dataclass(frozen=True)
class Previewed:
    """What is predicted of seeds at a step: the sheet's file, and by seed, best first, what is read.

    rows: by name, `seed`, `predicted` (the wish's score, where one is given) and those of `QUANTITIES`.
    """

    file: Path
    rows: list[dict[str, float]]


def preview(
    study: StudyFolder,
    prompt: str,
    *,
    seeds: Sequence[int],
    step: int = 2,
    wishes: Sequence[Any] = (),
    out: Path | None = None,
    progress: Progress | None = None,
) -> Previewed:
    """Denoise seeds of a prompt for a few steps, read their layouts, and draw them on one sheet.

    step: the last one that is done. wishes: by whose predicted score they are ordered. out: the PNG file; by
    default one in the study's `seeds`. What is made is kept, and searches of the prompt go on from it.

    Raises UnderpaintingError where the seeds, the step or a wish are none, or the study is not done.
    """
    progress = progress or Progress()
    chosen = checked_seeds(seeds, "given")
    study.require_done()
    for caution in about_words(study.config, [prompt]):
        progress.note(caution)
    probes, load = study.probes, cache(lambda: reload(study))
    if not 1 <= step < probes.steps:
        raise UnderpaintingError(f"--steps {step}: give a number from 1 to {probes.steps - 1}")
    wish = parse_wishes(wishes, lambda name: layout_of(study, load, name)) if wishes else None
    if wish:
        require_probes(wish, probes.properties, str(study.folder))
    asked = {"prompt": prompt, "seeds": chosen, "step": step, "wish": wish.words if wish else None}
    file = out or study.seeds_folder / f"preview-{name_of(asked)}.png"
    loaded = load()
    make_folder(study.seeds_folder)
    with only_run(study.seeds_folder):
        begun = Begun(study, loaded, probes, prompt, progress)
        progress.start(begun.to_make(step, chosen), unit="evaluations")
        progress.phase(f"{step} of {probes.steps} steps")
        chosen = begun.go_to(step, chosen)
        if not chosen:
            raise UnderpaintingError("no seed could be read: all were left out")
        seen = begun.seen(step, chosen)
    maps = next(iter(ByProbes(probes).ways(seen).values()))
    predicted = wish.score(maps) if wish else None
    order = (
        range(len(chosen)) if predicted is None else predicted.argsort(descending=True, stable=True).tolist()
    )
    read = layouts(maps)
    rows: list[dict[str, float]] = []
    for i in order:
        row: dict[str, float] = {"seed": chosen[i]}
        if predicted is not None:
            row["predicted"] = float(predicted[i])
        rows.append(row | {name: float(of[i]) for name, of in read.items()})
    progress.phase("drawing")
    shown = list(order)[:SHOWN]
    captions = [
        (f"seed {chosen[i]}", "" if predicted is None else f"{float(predicted[i]):.2f}") for i in shown
    ]
    cards = cards_of(
        {name: of[shown] for name, of in maps.items()}, decoded(loaded, seen.clean[shown]), captions
    )
    of_all = f"{len(shown)} of {len(chosen)} seeds" if len(shown) < len(chosen) else f"{len(shown)} seeds"
    line = f"{of_all} after step {step} of {probes.steps}"
    line += f"; {wish.words}: predicted scores, best first" if wish else ""
    wanted = None if wish is None or wish.outline is None else wish.outline.numpy()
    write_bytes(file, preview_sheet(cards, prompt, line, wanted))
    return Previewed(file, rows)


def cards_of(maps: Maps, pictures: Tensor, captions: Sequence[tuple[str, str]]) -> list[Preview]:
    """Previews of maps [picture, row, column] and decoded clean predictions [picture, 3, height, width]."""
    own: Mapping[str, Tensor] = {**maps, **({OBJECT: presence(maps)} if OBJECT in maps else {})}
    frames = to_bytes(pictures).permute(0, 2, 3, 1).numpy()
    return [
        Preview(frames[i], {name: of[i].float().numpy() for name, of in own.items()}, *caption)
        for i, caption in enumerate(captions)
    ]
