"""What is read of a given picture, against the network called by hand."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from scipy.stats import spearmanr

from benchmarks.faults import contents
from tests.command import call
from underpainting import workflow
from underpainting.errors import UnderpaintingError
from underpainting.questions.look import look
from underpainting.questions.nonlinear import nonlinear
from underpainting.report.answers import look_png
from underpainting.report.strip import CELL
from underpainting.study.environment import load_study
from underpainting.study.kept.gallery import spread
from underpainting.study.study import StudyFolder


def test_readings_are_those_of_the_noised_picture(
    named_study: Callable[[str], StudyFolder],
    pipeline_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = named_study("looked")
    workflow.run(study.folder)
    levels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    picture, out = tmp_path / "picture.png", tmp_path / "drawn.png"
    Image.fromarray(levels).save(picture)
    looked = look(study, picture, prompt="a thing", seed=5)
    scores = looked.scores
    out.write_bytes(look_png(looked))
    assert set(scores) == {"saliency", "depth", "shading"} and len(scores["depth"]) == 3
    with Image.open(out) as drawn:
        assert drawn.format == "PNG"
    assert call("look", study.folder, picture, "--prompt", "a thing", "--seed", "5", "--out", out) == 0
    head, first = (re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines()[:2])
    assert head == ["step", "saliency, Dice", "depth, rank", "shading, rank"]
    assert first == ["1", *(f"{scores[name][0]:.3f}" for name in ("saliency", "depth", "shading"))]

    # A word has a map a step, and none of the picture itself.
    attended = replace(looked, words={"thing": torch.rand(3, 4, 4)})
    with Image.open(io.BytesIO(look_png(attended))) as drawn:
        pixels, side = np.asarray(drawn.convert("RGB")), round(CELL * 110)
    row = pixels[-side:, -4 * side :]
    blank = (row == pixels[0, 0]).all(axis=2)
    assert blank[:, -side:].all() and not blank[:, : 2 * side].all()

    pipe = StableDiffusionPipeline.from_pretrained(pipeline_folder)
    light = torch.from_numpy(levels).permute(2, 0, 1)[None] / 255
    probes = study.probes
    layer = probes.best_layer("shading")
    path = next(x.path for x in load_study(study.config).places.watched if x.name == layer)
    outputs: list[torch.Tensor] = []
    hook = pipe.unet.get_submodule(path).register_forward_hook(lambda m, i, o: outputs.append(o))
    text, empty = pipe.encode_prompt("a thing", "cpu", 1, True)
    scheduler = pipe.scheduler
    scheduler.set_timesteps(3)
    with torch.no_grad():
        clean = pipe.vae.encode(light * 2 - 1).latent_dist.mean * pipe.vae.config.scaling_factor
        noise = torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(5))[None]
        for sigma, timestep in zip(scheduler.sigmas, scheduler.timesteps, strict=False):
            noised = scheduler.add_noise(clean, noise, timestep[None])
            pipe.unet(torch.cat([noised] * 2) / (1 + sigma**2).sqrt(), timestep, torch.cat([empty, text]))
    hook.remove()
    label = light.mean(1)[0].numpy()
    for step, activations in enumerate(outputs, start=1):
        tokens = probes.probe("shading", layer, step).apply(activations[1]).numpy()
        side = round(len(tokens) ** 0.5)
        enlarged = np.kron(tokens.reshape(side, side), np.ones((32 // side, 32 // side)))
        wanted = spearmanr(enlarged.ravel(), label.ravel())[0]
        assert scores["shading"][step - 1] == pytest.approx(wanted, abs=2e-3)

    with pytest.raises(UnderpaintingError, match="it is no picture"):
        look(study, study.folder / "study.toml")
    with pytest.raises(UnderpaintingError, match=r"nothing\.png cannot be read"):
        look(study, tmp_path / "nothing.png")


def test_the_picture_that_is_drawn_lies_in_the_current_folder(
    done: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moved").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "moved" / "before.png")
    monkeypatch.chdir(tmp_path)
    assert call("look", done.folder, "moved/before.png") == 0
    assert (tmp_path / "before-look.png").is_file()
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["before.png"]


def test_non_linear_probes_stand_beside_the_studys_own(named_study: Callable[[str], StudyFolder]) -> None:
    study = named_study("deeper")
    workflow.run(study.folder)
    before = contents(study.folder)
    rows = nonlinear(study, pictures=6)
    assert contents(study.folder) == before
    assert [(row.property, row.step) for row in rows] == [
        (name, step) for name in ("saliency", "depth", "shading") for step in (1, 3)
    ]
    assert all(
        row.ceiling <= row.stacked_ceiling + 1e-9 and row.stacked <= row.stacked_ceiling for row in rows
    )
    assert all(row.fit == 6 and row.test == 3 and row.low <= row.gain <= row.high for row in rows)
    scores = pq.read_table(study.scores_file).to_pylist()
    test = spread([row for row, of in zip(study.rows, study.splits, strict=True) if of == "test"], 3)
    for row in rows:
        mine = [
            r["value"]
            for r in scores
            if (r["property"], r["layer"], r["step"], r["branch"], r["source"], r["metric"])
            == (row.property, row.layer, row.step, "conditional", "probe", row.metric)
            and r["image"] in {of.image for of in test}
        ]
        assert row.solved == pytest.approx(np.mean(mine), abs=2e-2)
