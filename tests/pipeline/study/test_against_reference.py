"""A whole study's probe scores against plain hooks, least squares in NumPy, and SciPy on enlarged maps."""

import json
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.numpy import load_file
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score

from underpainting.study.study import StudyFolder

LAYER, STEP, GRID = "up.3.0", 3, 16
MODULE = "up_blocks.3.attentions.0.transformer_blocks.0.attn1"
STRENGTHS = (1e-3, 1e-1)


def _activations(pipe: StableDiffusionPipeline, study: StudyFolder, source: str) -> dict[str, np.ndarray]:
    """What a source reads at one step [token, channel] by image, from the bare pipeline.

    It is one layer's conditional activations, or the latents before the step.
    """
    found, outputs, latents = {}, [], []

    def keep(pipe: Any, step: int, timestep: Any, kept: dict[str, Any]) -> dict[str, Any]:
        latents.append(kept["latents"].detach().clone())
        return kept

    module = pipe.unet.get_submodule(MODULE)
    hook = module.register_forward_hook(lambda m, i, output: outputs.append(output.detach()))
    try:
        for row in study.rows:
            outputs.clear()
            generator = torch.Generator().manual_seed(row.seed)
            pipe(
                row.prompt,
                num_inference_steps=3,
                guidance_scale=7.5,
                generator=generator,
                output_type="latent",
                callback_on_step_end=keep,
            )
            sigma = float(pipe.scheduler.sigmas[STEP - 1])
            before = _windows(
                latents[-2][0].double().numpy() / np.sqrt(1 + sigma**2)
            )  # of the last step, STEP
            found[row.image] = outputs[STEP - 1][1].double().numpy() if source == "probe" else before
    finally:
        hook.remove()
    return found


def _windows(latents: np.ndarray) -> np.ndarray:
    """Each token's 5 x 5 latents, the nearest beyond the border, and cosines of where it is."""
    padded = np.pad(latents, ((0, 0), (2, 2), (2, 2)), mode="edge")
    at = (np.arange(GRID) + 0.5) / GRID
    waves = [np.cos(np.pi * k * at) for k in range(4)]
    places = [np.outer(down, across).ravel() for down in waves for across in waves][1:]
    around = np.lib.stride_tricks.sliding_window_view(
        padded, (5, 5), axis=(1, 2)
    )  # [channel, row, column, 5, 5]
    read = around.transpose(1, 2, 0, 3, 4).reshape(GRID * GRID, -1)
    return np.concatenate([read, np.stack(places, axis=1)], axis=1)


def _enlarged(tokens: np.ndarray) -> np.ndarray:
    return np.kron(tokens.reshape(GRID, GRID), np.ones((32 // GRID, 32 // GRID))).ravel()


def _cells(label: np.ndarray) -> np.ndarray:
    f = 32 // GRID
    return label.reshape(GRID, f, GRID, f).mean((1, 3)).ravel()


def _ridge(x: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """By augmented least squares, not by moments."""
    centred = x - x.mean(0)
    penalty = np.sqrt(strength * len(x) * centred.var(0).mean())
    rows = np.concatenate([centred, penalty * np.eye(x.shape[1])])
    weight = np.linalg.lstsq(rows, np.concatenate([y - y.mean(), np.zeros(x.shape[1])]), rcond=None)[0]
    return weight, y.mean() - x.mean(0) @ weight


def _dice(mask: np.ndarray, label: np.ndarray) -> float:
    return float(2 * (mask & (label > 0)).sum() / (mask.sum() + label.sum()))


@pytest.fixture(scope="module")
def pictures(finished: StudyFolder) -> dict[str, np.ndarray]:
    """Kept pictures [height, width, 3] in 0..1 by image."""
    return {
        path.stem: np.asarray(Image.open(path)) / 255
        for path in finished.folder.glob("shards/*/images/*.png")
    }


def _split(study: StudyFolder, name: str) -> list[str]:
    return [row.image for row, split in zip(study.rows, study.splits, strict=True) if split == name]


@pytest.mark.parametrize(
    ("name", "source"),
    [("saliency", "probe"), ("depth", "probe"), ("shading", "probe"), ("depth", "latents:noisy")],
)
def test_probe_scores_equal_straightforward_computation(
    name: str,
    source: str,
    finished: StudyFolder,
    pictures: dict[str, np.ndarray],
    session_pipeline: StableDiffusionPipeline,
    estimator: Any,
) -> None:
    x = _activations(session_pipeline, finished, source)
    labels = {}
    for image, picture in pictures.items():
        tensor = torch.from_numpy(picture).float().permute(2, 0, 1)[None]
        labels[image] = estimator(tensor)[name][0].double().numpy()
    fit, calibrate, test = (_split(finished, split) for split in ("fit", "calibrate", "test"))
    xs = np.concatenate([x[image] for image in fit])
    ys = np.concatenate([_cells(labels[image]) for image in fit])
    solutions = [_ridge(xs, ys, strength) for strength in STRENGTHS]

    def judge(weight: np.ndarray, bias: float, image: str) -> float:
        read, label = _enlarged(x[image] @ weight + bias), labels[image].ravel()
        return average_precision_score(label, read) if name == "saliency" else spearmanr(read, label)[0]

    means = [np.mean([judge(*solution, image) for image in calibrate]) for solution in solutions]
    folder, layer = (
        (finished.probes_folder, LAYER)
        if source == "probe"
        else (finished.controls_folder / "stand-ins", f"latents.noisy.{GRID}x{GRID}")
    )
    card = json.loads((folder / "card.json").read_text())["probes"][f"{name}/{layer}/{STEP}/conditional"]
    chosen = STRENGTHS.index(card["strength"])
    assert means[chosen] == pytest.approx(max(means), abs=1e-3)
    weight, bias = solutions[chosen]

    position = np.mean([_cells(labels[image]) for image in fit], axis=0)
    mean_read = np.mean([x[image] @ weight + bias for image in fit], axis=0)
    wanted = {}
    for image in test:
        tokens, label = x[image] @ weight + bias, labels[image].ravel()
        read = _enlarged(tokens)
        if name == "saliency":
            wanted[image, source, "average_precision"] = average_precision_score(label, read)
            wanted[image, source, "dice"] = _dice(read > card["threshold"], label)
            wanted[image, "position", "average_precision"] = average_precision_score(
                label, _enlarged(position)
            )
        else:
            rest, without = _enlarged(tokens - mean_read), label - _enlarged(position)
            wanted[image, source, "spearman"] = spearmanr(read, label)[0]
            wanted[image, source, "pearson"] = pearsonr(read, label)[0]
            wanted[image, source, "rmse"] = np.sqrt(np.mean((read - label) ** 2))
            wanted[image, source, "spearman_centred"] = spearmanr(rest, without)[0]
            wanted[image, source, "pearson_centred"] = pearsonr(rest, without)[0]
            wanted[image, "position", "spearman"] = spearmanr(_enlarged(position), label)[0]
            wanted[image, "ceiling", "pearson"] = pearsonr(_enlarged(_cells(labels[image])), label)[0]
    rows = pq.read_table(finished.scores_file).to_pylist()
    mine = [
        r
        for r in rows
        if r["property"] == name and r["layer"] == LAYER and r["branch"] in ("", "conditional")
    ]
    scores = {(r["image"], r["source"], r["metric"]): r["value"] for r in mine if r["step"] in (0, STEP)}
    assert {key: scores[key] for key in wanted} == pytest.approx(wanted, abs=2e-3)

    if name == "saliency":

        def mean_dice(cut: float) -> float:
            return float(
                np.mean([_dice(_enlarged(x[i] @ weight + bias) > cut, labels[i].ravel()) for i in calibrate])
            )

        best = max(mean_dice(cut) for cut in np.arange(-16, 145) / 128)
        assert mean_dice(card["threshold"]) == pytest.approx(best, abs=2e-3)


def test_shuffled_probes_are_fitted_to_the_next_pictures_labels(
    finished: StudyFolder, pictures: dict[str, np.ndarray], session_pipeline: StableDiffusionPipeline
) -> None:
    x = _activations(session_pipeline, finished, "probe")
    light = {image: _cells(picture.mean(2)) for image, picture in pictures.items()}
    xs, ys = [], []
    for shard in finished.shards:
        for batch in shard.batches if shard.split == "fit" else ():
            images = [row.image for row in batch]
            xs += [x[image] for image in images]
            ys += [light[image] for image in images[-1:] + images[:-1]]
    card = json.loads((finished.controls_folder / "shuffled" / "card.json").read_text())["probes"]
    weight, _ = _ridge(
        np.concatenate(xs), np.concatenate(ys), card[f"shading/{LAYER}/{STEP}/conditional"]["strength"]
    )
    kept = load_file(finished.controls_folder / "shuffled" / "probes.safetensors")[
        f"shading/{LAYER}/{STEP}/conditional"
    ][:-1]
    assert np.corrcoef(kept, weight)[0, 1] > 0.999


def test_estimators_are_scored_on_the_picture_of_each_step(finished: StudyFolder, estimator: Any) -> None:
    about = json.loads((finished.gallery_folder / "gallery.json").read_text())
    kept = load_file(finished.gallery_folder / "gallery.safetensors")
    table = pq.read_table(finished.scores_file, filters=[("layer", "==", "")]).to_pylist()
    light = {
        r["image"]: r["value"]
        for r in table
        if (r["source"], r["property"], r["metric"], r["step"]) == ("luminance", "shading", "spearman", 0)
    }
    assert set(light) == set(_split(finished, "test"))
    scores = {(r["image"], r["source"], r["property"], r["metric"], r["step"]): r["value"] for r in table}
    assert {r["branch"] for r in table} == {""}
    for i, picture in enumerate(about["pictures"]):
        final = torch.from_numpy(kept[f"{i}/final"]).permute(2, 0, 1)[None] / 255
        labels = {name: label[0].numpy() for name, label in estimator(final).items()}
        grey = final[0].permute(1, 2, 0).numpy() @ [0.2126, 0.7152, 0.0722]
        wanted = spearmanr(grey.ravel(), labels["shading"].ravel())[0]
        assert light[picture["image"]] == pytest.approx(wanted, abs=1e-4)
        for look in ("noisy", "clean"):
            frames = torch.from_numpy(kept[f"{i}/{look}"]).permute(0, 3, 1, 2) / 255
            maps = {name: read.numpy() for name, read in estimator(frames).items()}
            for step in range(3):
                at = (picture["image"], f"estimator:{look}")
                read = {name: of[step].ravel() for name, of in maps.items()}
                label = {name: of.ravel() for name, of in labels.items()}
                assert scores[*at, "saliency", "dice", step + 1] == pytest.approx(
                    _dice(read["saliency"] > 0, label["saliency"])
                )
                assert scores[*at, "depth", "spearman", step + 1] == pytest.approx(
                    spearmanr(read["depth"], label["depth"])[0]
                )
                assert scores[*at, "shading", "pearson", step + 1] == pytest.approx(
                    pearsonr(read["shading"], label["shading"])[0], abs=1e-6
                )


def test_position_threshold_is_the_best_on_calibrate(
    finished: StudyFolder, pictures: dict[str, np.ndarray]
) -> None:
    red = {image: picture[..., 0] for image, picture in pictures.items()}
    labels = {
        image: (r.astype(np.float32) > np.quantile(r.astype(np.float32), np.float32(0.7)))
        for image, r in red.items()
    }
    position = _enlarged(
        np.mean([_cells(labels[image].astype(float)) for image in _split(finished, "fit")], axis=0)
    )
    calibrate = _split(finished, "calibrate")

    def mean_dice(cut: float) -> float:
        return float(
            np.mean([_dice(position > cut, labels[image].ravel().astype(float)) for image in calibrate])
        )

    kept = json.loads((finished.controls_folder / "position.json").read_text())["thresholds"]["saliency"][
        LAYER
    ]
    assert mean_dice(kept) == pytest.approx(
        max(mean_dice(cut) for cut in np.arange(-16, 145) / 128), abs=1e-2
    )
