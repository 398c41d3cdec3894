"""Taking things along: published probes, studies on the hub, activations on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from underpainting.captures.write import CapturePlan
from underpainting.errors import UnderpaintingError
from underpainting.hub import fetch, upload
from underpainting.probes import ProbeSet, import_published
from underpainting.records import (
    atomic_folder,
    write_bytes,
)
from underpainting.report.card import about_study, study_card
from underpainting.study.damage import find_damage
from underpainting.study.environment import (
    recorded_model,
)
from underpainting.study.kept.shards import set_aside
from underpainting.study.request.splits import SPLITS
from underpainting.study.study import Study, check_free, open_study


def import_probes(folder: Path, out: Path, property: str | None = None) -> ProbeSet:
    """Read published probes into a probe set's folder, which is made; see `probes.import_published`.

    Raises UnderpaintingError where there are none or they are broken, or the folder is there.
    """
    probes = import_published(folder, property)
    if out.exists():
        raise UnderpaintingError(f"{out} is there already; name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(out) as temporary:
        probes.save(temporary)
    return probes


def push(folder: Path, repository: str, *, probes_only: bool = False, private: bool | None = None) -> str:
    """Upload a study that is done to the Hugging Face hub, a data set with a card, and give its address.

    probes_only: its probes alone, a model with a card. Raises UnderpaintingError where the study is not done,
    something of it is damaged, or the hub refuses.
    """
    study = open_study(folder)
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; `underpainting run {folder}` makes it again")
    if probes_only:
        about = about_study(study)
        return ProbeSet.load(study.probes).push_to_hub(repository, about=about, private=private)
    write_bytes(folder / "README.md", study_card(study, repository).encode())
    return upload(folder, repository, "dataset", private=private, message="Upload study")


def pull(repository: str, folder: Path, *, revision: str | None = None) -> Study:
    """Fetch a study from the Hugging Face hub into a folder, and check it.

    Raises UnderpaintingError where the folder is taken, the hub has no such study, or it is damaged.
    """
    check_free(folder)
    fetch(repository, "dataset", revision=revision, local_dir=folder)
    study = open_study(folder)
    if damage := find_damage(study):
        raise UnderpaintingError(f"{damage[0]}; remove {folder} and fetch it again")
    return study


def plan_capture(
    folder: Path,
    out: Path,
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    branches: Sequence[str] | None = None,
    dtype: str = "float16",
    split: str | None = None,
) -> CapturePlan:
    """What it takes to write a study's activations to disk; `uses.capture.carry_out` does it.

    Pictures are made in the study's own batches, less what was set aside, so that the activations are those
    that its probes read. Layers, steps (from 1) and branches are the study's own where left out; split: only
    the pictures of fit, calibrate or test.

    Raises UnderpaintingError where there is no study, its model is not there or not the same, or a choice is
    unknown.
    """
    study = open_study(folder)
    if split not in (None, *SPLITS):
        raise UnderpaintingError(f"split {split!r} is unknown: give {', '.join(SPLITS)}")
    config, model = study.config, recorded_model(study)
    aside = set_aside(study.shard(shard.number) for shard in study.shards)
    shards = [shard for shard in study.shards if split in (None, shard.split)]
    sound = [
        tuple(row for row in batch if row.image not in aside) for shard in shards for batch in shard.batches
    ]
    return CapturePlan(
        model=model,
        batches=tuple(batch for batch in sound if batch),
        config=config.model,
        layers=model.resolve(layers or config.watch.layers),
        steps=tuple(sorted(set(steps or range(1, config.model.steps + 1)))),
        branches=tuple(branches or config.watch.branches),
        dtype=dtype,
        folder=out,
    )
