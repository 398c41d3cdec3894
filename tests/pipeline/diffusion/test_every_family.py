"""Every family of diffusers: layers, grids, branches, bit-equality, tokens in their places, pictures."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

from tests.pipeline.families import FAMILIES, latent_consistency, lumina, stable_diffusion_3
from tests.pipeline.flows import FLOWS
from underpainting.diffusion import Evaluation, Model, StepRecord, attach
from underpainting.diffusion.adapters.left_out import LEFT_OUT
from underpainting.diffusion.adapters.registry import ADAPTERS
from underpainting.errors import UnderpaintingError

PROMPTS, SEEDS = ["a blue mug", "an orange on a tree"], [3, 11]
MAKERS = {
    **FLOWS,
    "stable diffusion 3": stable_diffusion_3,
    "lumina": lumina,
    "latent consistency": latent_consistency,
    "pixart": FAMILIES["pixart alpha"],
}
DOCS = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
HALVES, TURNED = ("unconditional", "conditional"), ("conditional", "unconditional")
ALONE = ("conditional",)
BLOCKS = ["block.0", "block.1"]
FLUX = ["double.0", "double.1", "single.0", "single.1"]


@dataclass(frozen=True)
class Wanted:
    """What is to be found out of a family.

    layers, grid: of its tokens, at a size in pixels. order, calls: of branches under guidance. near: how far
    a token of the last layer reaches, in tokens; None where all are mixed once more.
    """

    layers: list[str]
    grid: tuple[int, int] = (8, 12)
    size: tuple[int, int] = (32, 48)
    order: tuple[str, ...] = HALVES
    calls: int = 1
    near: int | None = 0


WANTED = {
    "stable diffusion 3": Wanted(BLOCKS),
    "pixart": Wanted([*BLOCKS, "block.2"]),
    "lumina": Wanted(BLOCKS, (2, 3), order=TURNED),
    "flux": Wanted(FLUX, order=ALONE),
    "flux 2": Wanted(FLUX, order=ALONE),
    "flux 2 klein": Wanted(FLUX, order=TURNED, calls=2),
    "chroma": Wanted(FLUX, order=TURNED, calls=2),
    "ovis": Wanted(FLUX, order=TURNED, calls=2),
    "qwen": Wanted(BLOCKS, order=TURNED, calls=2),
    "qwen 2.1": Wanted(BLOCKS, (2, 4), (32, 64), order=TURNED, calls=2),
    "nucleus": Wanted(BLOCKS, order=TURNED, calls=2),
    "krea 2": Wanted(BLOCKS, order=TURNED, calls=2),
    "ideogram 4": Wanted(BLOCKS, order=ALONE),
    "z-image": Wanted(["refiner.0", *BLOCKS], order=TURNED),
    "lumina 2": Wanted(["refiner.0", *BLOCKS], (2, 3), order=TURNED, calls=2),
    "auraflow": Wanted(["double.0", "single.0", "single.1"]),
    "sana": Wanted(BLOCKS, (16, 32), (32, 64), near=1),
    "prx": Wanted(BLOCKS),
    "cogview 3": Wanted(BLOCKS),
    "cogview 4": Wanted(BLOCKS, order=TURNED, calls=2),
    "hunyuandit": Wanted([f"block.{i}" for i in range(4)], (2, 3)),
    "latent consistency": Wanted([], (16, 24), order=ALONE, near=None),
    "kandinsky 3": Wanted([], (8, 16), (64, 128), near=None),
}
OTHER_TEXTS = ("hunyuandit", "kandinsky 3")  # whose text is cut otherwise than that of the tiny tokenizers
ONE_PICTURE = ("prx",)  # of which diffusers' own pipeline makes only one at once under guidance


@dataclass(frozen=True)
class Case:
    """A family's name, what is wanted of it, and its model."""

    name: str
    wanted: Wanted
    model: Model

    @property
    def prompts(self) -> list[str]:
        return PROMPTS[: 1 if self.name in ONE_PICTURE else 2]

    def bare(self, scale: float = 4.0, **more: Any) -> torch.Tensor:
        """The pipeline's own call, as a user would write it."""
        pipe = self.model.pipe
        takes = inspect.signature(type(pipe).__call__).parameters
        if "use_resolution_binning" in takes:
            more["use_resolution_binning"] = False
        if "guidance_schedule" in takes:
            more["guidance_schedule"] = None
        guided: dict[str, Any] = {"guidance_scale": scale}
        if self.name.startswith("qwen"):
            guided = {"true_cfg_scale": scale, "negative_prompt": [" "] * len(self.prompts)}
        return pipe(
            prompt=list(self.prompts),
            num_inference_steps=3,
            height=self.model.size[0],
            width=self.model.size[1],
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in SEEDS[: len(self.prompts)]],
            **{"output_type": "latent", **guided, **more},
        ).images


@pytest.fixture(scope="module", params=WANTED)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    wanted = WANTED[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pipe = MAKERS[request.param](tmp_path_factory.mktemp("family"))
    pipe.set_progress_bar_config(disable=True)
    return Case(request.param, wanted, attach(pipe).of_size(*wanted.size))


def test_a_watched_run_is_the_bare_one_and_has_all_layers_and_branches(case: Case) -> None:
    model, wanted, rows = case.model, case.wanted, len(case.prompts)
    if wanted.layers:
        assert [layer.name for layer in model.layers] == wanted.layers
        assert {layer.grid for layer in model.layers} == {wanted.grid}
    stacking = model.stacking(4.0)
    assert (stacking.branches, stacking.calls) == (wanted.order, wanted.calls)
    shapes: dict[str, list[tuple[str, ...]]] = {}

    def seen(name: str, evaluation: Evaluation, x: torch.Tensor) -> torch.Tensor:
        (layer,) = model.resolve([name])
        assert x.shape == (rows * len(evaluation.branches), layer.tokens, layer.channels)
        shapes.setdefault(name, []).append(evaluation.branches)
        return x

    expected = case.bare()
    made = model.denoise(
        case.prompts,
        SEEDS[:rows],
        steps=3,
        guidance_scale=4.0,
        watch=["self-attention"],
        branches=wanted.order,
        edit=seen,
    )
    assert expected.std() > 0
    if case.name == "flux 2 klein":  # its call gives what it is about to decode
        pictures = case.bare(output_type="pt")
        torch.testing.assert_close(model.decode(made.latents), pictures.float(), atol=1e-5, rtol=1e-5)
    else:
        assert torch.equal(model.adapter.packed(made.latents), expected)
    calls = [stacking.of_call(call) for call in range(wanted.calls)] * made.evaluations
    assert model.layers and shapes == {layer.name: calls for layer in model.layers}
    assert tuple(made.latents.shape[1:]) == model.adapter.latents(model.pipe, model.size)


def test_stopped_and_gone_on_it_is_the_uninterrupted_run(case: Case) -> None:
    prompts, seeds = case.prompts, SEEDS[: len(case.prompts)]
    wanted = case.model.denoise(prompts, seeds, steps=3, guidance_scale=4.0)
    first = case.model.denoise(prompts, seeds, steps=3, guidance_scale=4.0, stop_after=1)
    made = case.model.denoise(prompts, seeds, steps=3, guidance_scale=4.0, resume=first.paused)
    assert torch.equal(made.latents, wanted.latents)
    again = first.evaluations if case.model.adapter.remembers else 0
    assert first.evaluations + made.evaluations == wanted.evaluations + again


def has_word_maps(model: Model) -> bool:
    """Whether there are; where there are none, a line says why."""
    try:
        maps = model.word_maps(["a blue mug"], [3], ["mug"], steps=2, guidance_scale=4.0).by_step
    except UnderpaintingError as reason:
        assert "word" in str(reason)
        return False
    return bool(maps.isfinite().all()) and float(maps.max()) > 0


def test_the_docs_have_what_is_found(case: Case) -> None:
    """The line of the table in docs/models.md, but for what is found out elsewhere."""
    model = case.model
    stacks = dict.fromkeys(layer.name.rpartition(".")[0] for layer in model.layers)
    first = next(iter(stacks)).partition(".")[0]
    layers = f"`{first}.*`" if first == "down" else ", ".join(f"`{stack}.*`" for stack in stacks)
    latents = model.adapter.latents(model.pipe, model.size)[1]
    sides = sorted({latents // layer.grid[0] for layer in model.layers})
    grids = ", ".join("n" if side == 1 else f"n/{side}" for side in sides)
    stacking = model.stacking(4.0)
    how = "two calls" if stacking.calls == 2 else "halves"
    branches = f"{how}, {stacking.branches[0]} first" if len(stacking.branches) == 2 else "conditional alone"
    words = "not tried" if case.name in OTHER_TEXTS else "yes" if has_word_maps(model) else "no"
    line = f"| {case.name} | {type(model.pipe).__name__} | {layers} | {grids} | {branches} | yes | {words} |"
    assert line.replace("ShortIdeogram", "Ideogram4Pipeline") in DOCS


def test_the_conditional_branch_follows_the_prompt(case: Case) -> None:
    records: dict[str, StepRecord] = {}
    last = case.model.layers[-1].name
    for prompt in ("a blue mug", "zz"):
        case.model.denoise(
            [prompt],
            [3],
            steps=2,
            stop_after=1,
            guidance_scale=4.0,
            watch=[last],
            branches=case.wanted.order,
            on_step=lambda record, prompt=prompt: records.update({prompt: record}),
        )
    one, other = (records[prompt].activations[last] for prompt in records)
    assert not torch.allclose(one["conditional"], other["conditional"], atol=1e-5)
    if "unconditional" in case.wanted.order:
        torch.testing.assert_close(one["unconditional"], other["unconditional"], atol=1e-5, rtol=1e-4)


def test_a_token_of_the_last_layer_is_its_patch_of_the_picture(case: Case) -> None:
    """In the last block a token reaches its own patch of the network's output, and no other."""
    if case.wanted.near is None:
        pytest.skip("its last layer's tokens are mixed once more")
    last = case.model.layers[-1]
    height, width = last.grid
    row, column = height - 1, width - 2

    def push(name: str, evaluation: Evaluation, x: torch.Tensor) -> torch.Tensor:
        pushed = x.clone()
        pushed[:1, row * width + column] += 5 * torch.linspace(-1, 1, x.shape[2])
        return pushed

    outputs = []
    for edit in (None, push):
        case.model.denoise(
            ["a blue mug", "an orange on a tree"],
            [3, 11],
            steps=2,
            stop_after=1,
            guidance_scale=case.model.adapter.plain,
            watch=[last],
            edit=edit,
            on_step=lambda record: outputs.append(record.network_output),
        )
    changed = (outputs[1] - outputs[0]).abs().amax(1) > 1e-6
    assert not changed[1].any()
    cells = changed.shape[1] // height
    tokens = changed[0].unflatten(0, (height, cells)).unflatten(2, (width, cells)).any(3).any(1)
    away = torch.ones_like(tokens)
    near = case.wanted.near
    away[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = False
    assert tokens[row, column] and not tokens[away].any()


def test_pictures_are_the_pipelines_own_and_encoded_to_where_they_came_from(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An autoencoder that undid its decoding would be encoded to the latents that were decoded."""
    model = case.model
    name = "movq" if case.name == "kandinsky 3" else "vae"
    vae, given = getattr(model.pipe, name), []
    decode = vae.decode
    monkeypatch.setattr(
        vae, "decode", lambda z, *a, **k: given.append(z) or decode(z, *a, **k), raising=False
    )
    if case.name == "kandinsky 3":  # whose pt are not in 0..1
        wanted = torch.from_numpy(case.bare(output_type="np")).permute(0, 3, 1, 2)
    else:
        wanted = case.bare(output_type="pt")[:, :3]
    latents = model.denoise(case.prompts, SEEDS[: len(case.prompts)], steps=3, guidance_scale=4.0).latents
    pictures = model.decode(latents)
    torch.testing.assert_close(pictures, wanted.float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(given[1], given[0])
    monkeypatch.setattr(vae, "encode", lambda pictures: Encoded(given[0]), raising=False)
    torch.testing.assert_close(model.encode(pictures), latents.float(), atol=1e-4, rtol=1e-4)


class Encoded:
    def __init__(self, latents: torch.Tensor) -> None:
        self.latents = latents


def test_a_picture_is_looked_at_as_its_scheduler_would_have_it(case: Case) -> None:
    model, records = case.model, []
    pictures = torch.rand(1, 3, *model.size, generator=torch.Generator().manual_seed(0))
    last = model.layers[-1].name
    call = {"steps": 3, "guidance_scale": model.adapter.plain, "watch": [last], "on_step": records.append}
    model.look(pictures, PROMPTS[:1], SEEDS[:1], **call)
    clean = model.encode(pictures).flatten().float()
    generator = torch.Generator("cpu").manual_seed(SEEDS[0])
    noise = torch.randn(records[0].latents.shape[1:], generator=generator).flatten()
    for record in records:  # what is left of the latents beside picture and noise is nothing
        parts = torch.stack([clean, noise], 1)
        seen = record.latents.flatten().float()
        mixed = torch.linalg.lstsq(parts, seen[:, None]).solution
        torch.testing.assert_close((parts @ mixed).flatten(), seen, atol=1e-4, rtol=1e-4)
    assert mixed[0] > 0.1


def test_every_text_to_image_pipeline_of_diffusers_is_known_or_left_out_with_a_reason() -> None:
    known = {name for adapter in ADAPTERS.values() for name in adapter.pipelines}
    for kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values():
        assert (kind.__name__ in known) != (kind.__name__ in LEFT_OUT), kind.__name__
    listed = {kind.__name__ for kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    assert set(LEFT_OUT) <= listed and known <= listed
    assert len(known) >= 22


def test_a_size_that_packed_latents_leave_something_of_is_refused(tmp_path: Path) -> None:
    model = attach(FLOWS["flux"](tmp_path))
    model.pipe.vae_scale_factor = 8
    with pytest.raises(UnderpaintingError, match="cannot make latents of 33 x 32; give 256 x 256"):
        model.resolve(["self-attention"], height=264, width=256)
