"""A finished study of plausible random tables and drawn pictures, shaped as a real one is on disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.numpy import save_file

from underpainting.findings import write_findings
from underpainting.findings.interventions import conditions
from underpainting.intervention.edit import Edit
from underpainting.probes import Probe, ProbeSet
from underpainting.probes.files import Best, Entry, Key
from underpainting.records import (
    CLASSIFICATION,
    INTERVENTIONS,
    SCORES,
    make_table,
    sealing,
    write_json,
    write_table,
)
from underpainting.report.contents import Contents, read_contents
from underpainting.study.paths import ASIDE, FILMS, GALLERY
from underpainting.study.request.config import StudyConfig, parse_config
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder, create_study
from underpainting.vocabulary import ProbeLayer

Columns = dict[str, list[Any]]
PARTS = [("down", (0, 1, 2), 2), ("mid", (None,), 1), ("up", (1, 2, 3), 3)]
GRIDS = {"down.0": 16, "down.1": 8, "down.2": 4, "mid": 2, "up.1": 4, "up.2": 8, "up.3": 16}
METRICS = {
    "saliency": ("dice", "average_precision"),
    "depth": ("spearman", "pearson", "rmse", "spearman_centred", "pearson_centred"),
    "shading": ("spearman", "pearson", "rmse", "spearman_centred", "pearson_centred"),
}
LEVELS = {"saliency": (0.42, 0.87, 0.94), "depth": (0.62, 0.8, 0.97), "shading": (0.4, 0.68, 0.93)}
PROMPT_WORDS = [
    "a blue mug on a wooden floor",
    "a lemon on stone",
    "an orange by a white wall",
    "a red armchair",
    "a green lemon & a <shadow>",
    "a yellow mug on a grey floor",
    "an orange on tiles",
    "a violet armchair",
]


def layer_names() -> list[str]:
    """The 16 layers of a U-Net like Stable Diffusion's."""
    return [
        f"{part}.{i}" if block is None else f"{part}.{block}.{i}"
        for part, blocks, count in PARTS
        for block in blocks
        for i in range(count)
    ]


BEST = {"saliency": "up.3.0", "depth": "up.3.1", "shading": "up.2.2"}


def make_study(
    folder: Path,
    *,
    prompts: int = 6,
    seeds: int = 2,
    steps: int = 4,
    pictures: int = 2,
    side: int = 32,
    environment: Mapping[str, Any] | None = None,
    more: Callable[[Columns], Columns] = lambda columns: columns,
) -> tuple[StudyFolder, Columns]:
    """Write a study folder; give it and its scores as columns.

    environment: what is recorded besides. more: changes the scores before they are written.
    """
    rng = np.random.default_rng(5)
    config = _config(steps, pictures)
    test = [
        PromptRow(f"{PROMPT_WORDS[p % 8]}, take {p // 8}", 100 * p + s, p)
        for p in range(prompts)
        for s in range(seeds)
    ]
    other = [PromptRow(f"prompt {p}", p, 1000 + p) for p in range(3 * prompts)]
    study = create_study(folder, config, other, test)
    recorded = {
        "versions": {"underpainting": "0.1.0", "torch": "2.14.1", "diffusers": "0.42.1", "python": "3.11.2"},
        "device": "cpu",
        "threads": 2,
        "checkpoints": {"unet": "3b1f" * 16, "vae": "90ce" * 16, "estimator": "77a0" * 16},
        "config": config.model_dump(mode="json", exclude_none=True),
    }
    with sealing(study.environment_file) as temporary:
        write_json(temporary, {**recorded, **(environment or {})})
    for shard in study.shards:
        with study.atomic_folder(study.shard_folder(shard.number)) as temporary:
            (temporary / ASIDE).write_text("{}")
    images, words = [row.image for row in test], [row.prompt for row in test]
    scores = more(_scores(rng, layer_names(), steps, images, words))
    for path in (study.scores_file, study.calibrate_file):
        with study.sealing(path) as temporary:
            write_table(temporary, make_table(SCORES, scores), SCORES)
    with study.sealing(study.classification_file) as temporary:
        write_table(temporary, _classified(rng, images, words, steps), CLASSIFICATION)
    with study.atomic_folder(study.probes_folder) as temporary:
        _probes(steps, study.images).save(temporary)
    write_findings(study)
    shown = [test[i * seeds] for i in range(pictures)]
    about = {
        "pictures": [{"image": row.image, "prompt": row.prompt, "seed": row.seed} for row in shown],
        "thresholds": {"saliency": [0.5] * steps},
    }
    arrays = {key: of for i in range(pictures) for key, of in _picture(rng, i, steps, side).items()}
    with study.atomic_folder(study.gallery_folder) as temporary:
        write_json(temporary / GALLERY, about)
        save_file(arrays, temporary / FILMS)
    return study, scores


def _config(steps: int, pictures: int) -> StudyConfig:
    asked = {
        "model": {"name": "stilllife", "steps": steps},
        "prompts": {"file": "prompts.csv"},
        "labels": {"properties": list(METRICS), "classifier": "stilllife"},
        "run": {"shard_size": 24, "device": "cpu", "gallery": pictures},
    }
    return parse_config(asked, "the test's study")


def _probes(steps: int, images: Mapping[str, int]) -> ProbeSet:
    layers = tuple(
        ProbeLayer(name, (GRIDS[name.rpartition(".")[0]],) * 2, 64 * (1 + i % 4))
        for i, name in enumerate(layer_names())
    )
    channels = {layer.name: layer.channels for layer in layers}
    entries = {
        Key(name, layer, step, "conditional"): Entry(
            Probe(torch.zeros(channels[layer]), torch.zeros(())), 0.01, threshold
        )
        for name, layer in BEST.items()
        for threshold in [0.5 if name == "saliency" else None]
        for step in range(1, steps + 1)
    }
    return ProbeSet(
        entries,
        layers,
        steps,
        ("conditional",),
        {name: Best(layer, METRICS[name][0]) for name, layer in BEST.items()},
        "stilllife",
        images,
    )


def _scores(
    rng: np.random.Generator, layers: list[str], steps: int, images: list[str], prompts: list[str]
) -> dict[str, list[Any]]:
    rows: list[tuple[Any, ...]] = []
    of_image = rng.normal(0, 0.04, len(images))
    for name, metrics in METRICS.items():
        floor, top, ceiling = LEVELS[name]
        for metric in metrics:
            drop = 0.25 if metric.endswith("centred") else 0.0
            for depth, layer in enumerate(layers):
                size = GRIDS[layer.rpartition(".")[0]]
                share = {16: 1.0, 8: 0.93, 4: 0.8, 2: 0.6}[size]
                late = 0.75 + 0.25 * depth / (len(layers) - 1)
                for k, image in enumerate(images):
                    noise = of_image[k] + rng.normal(0, 0.02, 2 * steps + 2)
                    at = np.arange(1, steps + 1)
                    rise = 1 - np.exp(-at / (0.16 * steps + 0.5))
                    probe = (floor - 0.05 + (top * share * late - floor + 0.05) * rise) - drop + noise[:steps]
                    shuffled = floor - drop - 0.03 + noise[steps : 2 * steps] * 0.7
                    what = (name, layer, image, prompts[k], metric)
                    rows += [(*what, s, "conditional", "probe", v) for s, v in zip(at, probe, strict=True)]
                    rows += [
                        (*what, s, "conditional", "shuffled", v) for s, v in zip(at, shuffled, strict=True)
                    ]
                    latents = floor - drop + 0.5 * (top - floor) * rise + noise[:steps]
                    rows += [
                        (*what, s, "conditional", "latents:noisy", v)
                        for s, v in zip(at, latents, strict=True)
                    ]
                    position = np.nan if metric.endswith("centred") else floor + noise[-2]
                    rows += [(*what, 0, "", "position", position), (*what, 0, "", "ceiling", ceiling * share)]
    names = ("property", "layer", "image", "prompt", "metric", "step", "branch", "source", "value")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _classified(rng: np.random.Generator, images: list[str], prompts: list[str], steps: int) -> pa.Table:
    """Classifications that become right with time, and class probes' scores among the others."""
    names = ("lemon", "mug", "armchair", "orange")
    rows: list[tuple[Any, ...]] = []
    for image, prompt in zip(images, prompts, strict=True):
        right = next(i for i, name in enumerate(names) if name in prompt.split(" by ")[0])
        for look, offset in (("noisy", -1.5), ("clean", 0.0), ("final", 3.0)):
            for step in range(1, steps + 1) if look != "final" else (0,):
                logits = rng.normal(0, 0.6, len(names))
                logits[right] += offset + 3.0 * step / steps
                of = np.exp(logits) / np.exp(logits).sum()
                order = np.argsort(-of)
                rows += [(image, prompt, look, step, r + 1, names[i], of[i]) for r, i in enumerate(order)]
    table = {name: list(of) for name, of in zip(CLASSIFICATION.names, zip(*rows, strict=True), strict=True)}
    return make_table(CLASSIFICATION, table)


def make_interventions(study: StudyFolder, *, pictures: int = 8, trials: int = 2) -> None:
    """Add interventions on saliency to a study: scores of every condition, and pictures to look at."""
    rng = np.random.default_rng(9)
    levels = {"null": 0.2, "intervened": 0.7, "random": 0.45, "late": 0.3, "moved_picture": 0.95}
    assert levels.keys() <= conditions().keys()
    rows: list[tuple[Any, ...]] = []
    for i in range(pictures):
        hard = rng.normal(0, 0.05)
        for trial in range(trials):
            for condition, level in levels.items():
                about = (f"prompt_{i}_seed_0", f"prompt {i // 2}", trial, condition, "saliency")
                value = level + hard + rng.normal(0, 0.01)
                rows.append((*about, "saliency", "target", value))
                rows.append((*about, "saliency", "own", 1 - value))
                rows.append((*about, "", "class_kept", float(condition != "random")))
    table = {name: list(of) for name, of in zip(INTERVENTIONS.names, zip(*rows, strict=True), strict=True)}
    study.examples_file("saliency").parent.mkdir(parents=True)
    with study.sealing(study.interventions_file) as temporary:
        write_table(temporary, make_table(INTERVENTIONS, table), INTERVENTIONS)
    edit = Edit(kind="carry", strength=1.5, first=1, last=8).model_dump(mode="json")
    asked = {"edit": edit, "pictures": pictures, "trials": trials}
    with study.sealing(study.experiment_file("saliency")) as temporary:
        write_json(temporary, asked)
    drawn = [_picture(rng, i, 1, 32) for i in range(2)]
    before = np.stack([of[f"{i}/final"] for i, of in enumerate(drawn)])
    masks = np.stack([of[f"{i}/label/saliency"] for i, of in enumerate(drawn)])
    examples = {
        "before": before,
        "after": np.stack([np.roll(before, 4 * (t + 1), axis=2) for t in range(3)], axis=1),
        "target": np.stack([np.roll(masks, 4 * (t + 1), axis=2) for t in range(3)], axis=1),
    }
    examples = {name: np.ascontiguousarray(of) for name, of in examples.items()}
    with study.sealing(study.examples_file("saliency")) as temporary:
        save_file(examples, temporary)


def _picture(rng: np.random.Generator, i: int, steps: int, side: int) -> dict[str, np.ndarray]:
    """A lit ball on a floor before a wall, appearing out of noise."""
    y, x = np.mgrid[0:side, 0:side] / side
    cx, cy, radius = 0.3 + 0.05 * (i % 8), 0.6 - 0.02 * i, 0.2 + 0.01 * i
    r = np.hypot(x - cx, y - cy) / radius
    ball = r < 1
    floor = y > 0.55
    height = np.sqrt(np.clip(1 - r**2, 0, 1))
    shading = np.where(ball, 0.25 + 0.75 * np.clip(height * 0.6 - (x - cx) * 2, 0, 1), 0.55 + 0.25 * (1 - x))
    depth = np.where(ball, 0.8 + 0.3 * height, np.where(floor, y, 0.3))
    hues = np.array([[0.86, 0.75, 0.2], [0.25, 0.4, 0.75], [0.9, 0.5, 0.15], [0.7, 0.2, 0.2]])
    albedo = np.where(
        ball[..., None], hues[i % 4], np.where(floor[..., None], [0.5, 0.36, 0.25], [0.8, 0.8, 0.76])
    )
    picture = np.clip(albedo * shading[..., None] * 1.1, 0, 1)
    blur = _cells(picture, side // 8)
    grid = max(4, side // 8)
    found: dict[str, np.ndarray] = {f"{i}/final": np.round(picture * 255).astype(np.uint8)}
    noisy, clean = [], []
    maps: dict[str, list[np.ndarray]] = {"saliency": [], "depth": [], "shading": []}
    labels = {"saliency": ball.astype(np.float32), "depth": depth, "shading": shading}
    noise = _cells(rng.normal(0, 0.5, (side, side, 3)), side // 4)
    for step in range(1, steps + 1):
        t = step / steps
        noisy.append(np.clip(picture * t + (1 - t) * (0.5 + noise + rng.normal(0, 0.1, picture.shape)), 0, 1))
        clean.append(np.clip(blur * (1 - t) + picture * t, 0, 1))
        for name, label in labels.items():
            seen = _cells(label, grid, expand=False)
            maps[name].append(seen * t**0.4 + seen.mean() * (1 - t**0.4) + rng.normal(0, 0.05, seen.shape))
    found[f"{i}/noisy"] = np.round(np.stack(noisy) * 255).astype(np.uint8)
    found[f"{i}/clean"] = np.round(np.stack(clean) * 255).astype(np.uint8)
    for name, label in labels.items():
        found[f"{i}/label/{name}"] = np.ascontiguousarray(label, dtype=np.float16)
        found[f"{i}/probe/{name}"] = np.stack(maps[name]).astype(np.float16)
        if i == 0:  # an estimator does not look at every picture
            seen = [label + rng.normal(0, 1 - step / steps, label.shape) for step in range(1, steps + 1)]
            found[f"{i}/estimator/{name}"] = np.stack(seen).astype(np.float16)
    return found


def _cells(values: np.ndarray, count: int, *, expand: bool = True) -> np.ndarray:
    f = values.shape[0] // count
    means = values.reshape(count, f, count, f, *values.shape[2:]).mean(axis=(1, 3))
    return means.repeat(f, axis=0).repeat(f, axis=1) if expand else means


@pytest.fixture(scope="session")
def made_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFolder, Columns]:
    """A small finished study, to be read only, and its scores as columns."""
    study, scores = make_study(tmp_path_factory.mktemp("studies") / "still lives")
    make_interventions(study)
    return study, scores


@pytest.fixture(scope="session")
def study(made_study: tuple[StudyFolder, Columns]) -> StudyFolder:
    """The same study alone."""
    return made_study[0]


@pytest.fixture(scope="session")
def contents(study: StudyFolder) -> Contents:
    """What its report shows."""
    return read_contents(study)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished studies of the same network at two times of its training."""
    folder = tmp_path_factory.mktemp("checkpoints")
    make_study(folder / "2000", pictures=0)
    make_study(folder / "16000", prompts=4, pictures=0)
    return folder


@pytest.fixture
def own_study(tmp_path: Path) -> Callable[..., StudyFolder]:
    """Makes a study that the test may change."""
    return lambda **asked: make_study(tmp_path / "mine", **asked)[0]
