"""Less work from a step on: guidance dropped as diffusers documents it; the question from end to end."""

import json
from typing import Any

import pandas as pd
import pytest
import torch
from diffusers import StableDiffusionPipeline

from tests.command import call
from underpainting import UnderpaintingError
from underpainting.diffusion import Model, Watching
from underpainting.findings.shortened import ANOTHER, FEWER, LARGER, UNGUIDED, WHOLE
from underpainting.intervention.act import seeing_painter
from underpainting.progress import Progress
from underpainting.records import SHORTENED
from underpainting.seeds import shorten as module
from underpainting.seeds.shorten import shorten
from underpainting.study.batch import denoise
from underpainting.study.study import StudyFolder


def dropped(pipe: StableDiffusionPipeline, rows: Any, config: Any, after: int) -> torch.Tensor:
    """Latents of pictures whose guidance ends after an evaluation, by diffusers' own callback."""

    def callback(pipe: Any, index: int, timestep: Any, given: dict[str, Any]) -> dict[str, Any]:
        if index + 1 == after:
            given["prompt_embeds"] = given["prompt_embeds"].chunk(2)[-1]
            pipe._guidance_scale = 0.0
        return given

    made: torch.Tensor = pipe(
        [row.prompt for row in rows],
        generator=[torch.Generator().manual_seed(row.seed) for row in rows],
        num_inference_steps=config.steps,
        guidance_scale=config.guidance_scale,
        callback_on_step_end=callback,
        callback_on_step_end_tensor_inputs=["prompt_embeds"],
        output_type="latent",
    ).images
    return made


@pytest.mark.parametrize("scheduler", ["lms", "heun"])
def test_guidance_is_dropped_as_diffusers_drops_it(done: StudyFolder, scheduler: str) -> None:
    painter = seeing_painter(done)
    model = painter.loaded.model.use_scheduler(scheduler)
    rows, config = done.sound_rows("test")[:2], done.config.model
    worker = module._Shortening(painter, (1, 2), {row: 7 + row.seed for row in rows}, Progress())
    made = {way: (denoised, given) for way, denoised, given in worker._made(rows)}
    for after in (1, 2):
        denoised, given = made[UNGUIDED, after]
        each = 2 if scheduler == "heun" else 1
        wanted = dropped(model.pipe, rows, config, after * each)
        torch.testing.assert_close(denoised.latents, wanted, atol=1e-4, rtol=1e-4)
        assert given == 2 * each * after + (5 if scheduler == "heun" else 3) - each * after
    whole = denoise(model, rows, config, Watching())
    assert torch.equal(made[WHOLE, 0][0].latents, whole.latents)
    assert made[WHOLE, 0][1] == 2 * whole.evaluations
    assert ((LARGER, 1) in made) == (scheduler == "lms")
    if scheduler == "lms":
        assert made[LARGER, 1][0].evaluations == 2 and made[LARGER, 1][1] == 4
    assert (LARGER, 2) not in made  # the last step alone is left


def test_the_question_from_end_to_end(
    done: StudyFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, made = Model.run, list[int]()

    def counting(self: Model, prompts: Any, *more: Any, **options: Any) -> Any:
        made.append(len(prompts))
        if len(made) == 9 and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        return run(self, prompts, *more, **options)

    stopped: list[bool] = []
    monkeypatch.setattr(Model, "run", counting)
    asked = ("shorten", done.folder, "--after", "1,2", "--pictures", 3)
    assert call(*asked) == 130 and "goes on after the last whole batch" in capsys.readouterr().err
    assert call(*asked, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    ways = {(row["way"], row["step"]): row["rows"] for row in answer}
    assert ways == {
        (WHOLE, 0): 6,
        (UNGUIDED, 1): 4,
        (UNGUIDED, 2): 5,
        (LARGER, 1): 4,
        (FEWER, 2): 4,
        (ANOTHER, 0): 6,
    }
    assert made == [2] * 6 + [1] * 3 + [1] * 6  # the batch that was stopped is made again, and no other
    (folder,) = (path for path in done.seeds_folder.iterdir() if path.is_dir())
    parts = sorted(folder.glob("*.parquet"))
    frame = pd.concat([done.table(path, SHORTENED).to_pandas() for path in parts])
    frame = frame.astype({"way": str, "property": str, "metric": str, "image": str})
    own = frame[frame.metric == "own"].pivot(
        index=["image", "property"], columns=["way", "step"], values="value"
    )
    assert (own[WHOLE, 0] == 1).all() and len(own) == 3 * 3
    row = next(row for row in answer if (row["way"], row["step"], row["property"]) == (UNGUIDED, 1, "depth"))
    depth = own.xs("depth", level="property")
    assert row["mean"] == pytest.approx(depth[UNGUIDED, 1].mean())
    assert row["above"] == pytest.approx((depth[UNGUIDED, 1] - depth[FEWER, 2]).mean())
    for path in done.seeds_folder.rglob("*.[ps][nv]g"):
        done.require(path)
    monkeypatch.setattr(module, "seeing_painter", None)  # asked again, nothing is made
    assert call(*asked) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "No guidance after step 1 saves 33 % of the network's rows and keeps the object at a Dice" in said
    assert "on too few prompts to say more" in said
    with pytest.raises(UnderpaintingError, match=r"after step 3 of 3: give steps from 1 to 2"):
        shorten(done, after=[3])
