"""What the report reads from a study folder."""

import json
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from underpainting.errors import UnderpaintingError
from underpainting.findings.classification import ACCURACY, Accuracy, Seen, probe_accuracies, read_seen
from underpainting.findings.cubes import Scores, read_scores
from underpainting.findings.growth import Grown, read_growth
from underpainting.findings.interventions import Done, interventions
from underpainting.records import (
    CLASSIFICATION,
    EMERGENCE,
    INTERVENTIONS,
    LEADS,
    PROMPTS,
    main_branch,
    read_table,
    remove,
    sha256_file,
    write_bytes,
)

TITLE = "report/title.txt"
HASHED = ("scores.parquet", "probes/probes.safetensors", "probes/card.json", "prompts.parquet", "study.toml")


@dataclass(frozen=True)
class Gallery:
    """Test pictures kept for looking at: `about` is gallery.json, `arrays` are its tensors."""

    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Acted:
    """Interventions that aimed at one property: the edit's settings, its scores, and pictures to look at.

    examples: `before`, `after` and `target` as `uses.experiment.keep_examples` keeps them, where it did.
    """

    aim: str
    plan: dict[str, Any]
    rows: tuple[Done, ...]
    examples: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Study:
    """Everything a report shows of a study, read once; `aside` says why pictures were set aside, by image.

    name: the folder's. title: the one that was kept (see `keep_title`), if any.
    seen: what a classifier saw in test pictures; class_probe: the layer of the best class probe, and that
    one's accuracy by step. Both are empty where the study has no classifier. growth: scores of the model's
    checkpoints, where they are given. acted: interventions, where they were scored.
    """

    name: str
    settings: dict[str, Any]
    environment: dict[str, Any]
    card: dict[str, Any]
    branch: str
    scores: Scores
    splits: dict[str, tuple[int, int]]
    gallery: Gallery | None
    aside: dict[str, str]
    emergence: tuple[dict[str, Any], ...]
    leads: tuple[dict[str, Any], ...]
    seen: tuple[Seen, ...]
    class_probe: tuple[str, tuple[Accuracy, ...]]
    growth: tuple[Grown, ...]
    acted: tuple[Acted, ...]
    hashes: dict[str, str]
    title: str = ""


def read_study(folder: Path, growth: Path | None = None) -> Study:
    """Read a finished study, and the scores of its model's checkpoints (see `read_growth`).

    Raises UnderpaintingError when the folder holds no finished study or a file in it cannot be read.
    """
    for needed in ("study.toml", "probes/card.json", "scores.parquet"):
        if not (folder / needed).is_file():
            raise UnderpaintingError(
                f"no report for {folder}: {needed} is not there; "
                f"finish the study with `underpainting run {folder}`"
            )
    card = _json(folder / "probes/card.json")
    branch = main_branch(card.get("branches") or ["conditional"])
    environment, emergence = folder / "environment.json", folder / "emergence.parquet"
    scores = read_scores(folder / "scores.parquet", card, branch)
    leads = folder / "leads.parquet"
    seen, calibrate = folder / "classification.parquet", folder / "calibrate.parquet"
    class_probe = "", list[Accuracy]()
    if seen.is_file() and calibrate.is_file():
        class_probe = probe_accuracies(scores, read_scores(calibrate, card, branch, {ACCURACY}))
    layers, metrics = (
        {k: of[key] for k, of in card["properties"].items()} for key in ("best_layer", "metric")
    )
    return Study(
        name=folder.resolve().name,
        settings=_toml(folder / "study.toml"),
        environment=_json(environment) if environment.is_file() else {},
        card=card,
        branch=branch,
        scores=scores,
        splits=_splits(folder / "prompts.parquet"),
        gallery=_gallery(folder / "gallery"),
        aside={k: v for path in sorted(folder.glob("shards/*/aside.json")) for k, v in _json(path).items()},
        emergence=tuple(read_table(emergence, EMERGENCE).to_pylist()) if emergence.is_file() else (),
        leads=tuple(read_table(leads, LEADS).to_pylist()) if leads.is_file() else (),
        seen=tuple(read_seen(read_table(seen, CLASSIFICATION))) if seen.is_file() else (),
        class_probe=(class_probe[0], tuple(class_probe[1])),
        growth=read_growth(growth, layers, metrics, branch) if growth else (),
        acted=_acted(folder / "interventions"),
        hashes={name: sha256_file(folder / name) for name in HASHED if (folder / name).is_file()},
        title=_title(folder / TITLE),
    )


def keep_title(folder: Path, title: str) -> None:
    """Keep a title, on one line, for a study's reports; an empty one takes the kept one away."""
    words = " ".join(title.split())
    if words:
        write_bytes(folder / TITLE, f"{words}\n".encode())
    else:
        remove(folder / TITLE)


def _title(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise UnderpaintingError(f"{path} is not text ({error.reason}); remove it") from error


def _acted(folder: Path) -> tuple[Acted, ...]:
    if not (folder / "scores.parquet").is_file():
        return ()
    rows = interventions(read_table(folder / "scores.parquet", INTERVENTIONS))
    acted = []
    for aim in dict.fromkeys(row.aim for row in rows):
        examples = folder / aim / "examples.safetensors"
        acted.append(
            Acted(
                aim,
                _json(folder / aim / "experiment.json")["plan"],
                tuple(row for row in rows if row.aim == aim),
                _tensors(examples) if examples.is_file() else {},
            )
        )
    return tuple(acted)


def _splits(path: Path) -> dict[str, tuple[int, int]]:
    """Pictures and distinct prompts of each split."""
    if not path.is_file():
        return {}
    rows = read_table(path, PROMPTS, columns=["prompt", "split"]).to_pylist()
    pictures = Counter(str(row["split"]) for row in rows)
    prompts = Counter(split for split, _ in {(str(row["split"]), row["prompt"]) for row in rows})
    order = [*(s for s in ("fit", "calibrate", "test") if s in pictures), *sorted(set(pictures))]
    return {split: (pictures[split], prompts[split]) for split in dict.fromkeys(order)}


def _gallery(folder: Path) -> Gallery | None:
    if not (folder / "gallery.json").is_file():
        return None
    return Gallery(_json(folder / "gallery.json"), _tensors(folder / "gallery.safetensors"))


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    try:
        found: dict[str, NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UnderpaintingError(f"{path} cannot be read: {error}; run the study again") from error
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnderpaintingError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnderpaintingError(f"{path} is not a JSON object")
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnderpaintingError(f"{path} is not TOML: {error}") from error
