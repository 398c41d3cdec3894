"""Layers by kind: which there are, what is seen and edited of them, presets that are thinned, globs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.pipeline.diffusion.test_every_family import MAKERS as TRANSFORMERS
from tests.pipeline.diffusion.test_every_family import PROMPTS, SEEDS, Case
from tests.pipeline.diffusion.test_every_family import WANTED as SIZES
from tests.pipeline.families import FAMILIES
from underpainting.diffusion import Layer, Model, StepRecord, attach
from underpainting.errors import UnderpaintingError

MAKERS = {"unet": FAMILIES["stable diffusion 1"], **TRANSFORMERS}
AT = [*(f"down.{i}.{j}" for i in range(3) for j in range(2)), "mid.0"]
AT += [f"up.{i}.{j}" for i in range(1, 4) for j in range(3)]
STREAM = [*AT[:6], "down.3.0", "down.3.1", "mid.0", "mid.1", *(f"up.0.{j}" for j in range(3)), *AT[7:]]


def named(places: list[str], word: str) -> list[str]:
    return [f"{place}.{word}" for place in places]


BLOCKS = ["block.0", "block.1", "block.2"]
FLUX = ["double.0", "double.1", "single.0", "single.1"]
WANTED = {
    "unet": {
        "self-attention": AT,
        "cross-attention": named(AT, "cross"),
        "blocks": named(STREAM, "stream"),
        "mlp": named(AT, "mlp"),
    },
    "pixart": {
        "self-attention": BLOCKS,
        "cross-attention": named(BLOCKS, "cross"),
        "blocks": named(BLOCKS, "stream"),
        "mlp": named(BLOCKS, "mlp"),
    },
    "stable diffusion 3": {
        "self-attention": BLOCKS[:2],
        "blocks": named(BLOCKS[:2], "stream"),
        "mlp": named(BLOCKS[:2], "mlp"),
    },
    "flux": {"self-attention": FLUX, "blocks": named(FLUX, "stream"), "mlp": named(FLUX[:2], "mlp")},
    # CogView 4's feed-forward network runs twice a block, for the text too.
    "cogview 4": {"self-attention": BLOCKS[:2], "blocks": named(BLOCKS[:2], "stream")},
}
MODULES = {
    "unet": {
        "up.2.1.cross": "up_blocks.2.attentions.1.transformer_blocks.0.attn2",
        "up.2.1.mlp": "up_blocks.2.attentions.1.transformer_blocks.0.ff",
        "up.2.1.stream": "up_blocks.2.attentions.1",
        "up.0.1.stream": "up_blocks.0.resnets.1",
        "mid.1.stream": "mid_block.resnets.1",
    },
    "pixart": {
        "block.1.cross": "transformer_blocks.1.attn2",
        "block.1.mlp": "transformer_blocks.1.ff",
        "block.1.stream": "transformer_blocks.1",
    },
    "stable diffusion 3": {
        "block.0.stream": "transformer_blocks.0",
        "block.1.stream": "transformer_blocks.1",
        "block.0.mlp": "transformer_blocks.0.ff",
    },
    "flux": {
        "double.1.stream": "transformer_blocks.1",
        "single.1.stream": "single_transformer_blocks.1",
        "double.0.mlp": "transformer_blocks.0.ff",
    },
    "cogview 4": {"block.1.stream": "transformer_blocks.1"},
}
PICTURE: dict[str, Callable[[Any], torch.Tensor]] = {
    "stable diffusion 3": lambda output: output[1] if isinstance(output, tuple) else output,  # text first
    "flux": lambda output: output[1] if isinstance(output, tuple) else output,
    "cogview 4": lambda output: output[0],  # picture first
}
"""The picture's part of what a module gives, by diffusers' own code."""


def tokens_of(name: str, output: Any) -> torch.Tensor:
    """[row, token, channel] of the picture in a module's output."""
    given = PICTURE.get(name, lambda output: output[0] if isinstance(output, tuple) else output)(output)
    return given if given.ndim == 3 else given.flatten(2).transpose(1, 2)


@pytest.fixture(scope="module", params=WANTED)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pipe = MAKERS[request.param](tmp_path_factory.mktemp("family"))
    pipe.set_progress_bar_config(disable=True)
    model = attach(pipe)
    if request.param in SIZES:
        model = model.of_size(*SIZES[request.param].size)
    return Case(request.param, None, model)  # type: ignore[arg-type]


def test_every_kind_has_its_layers_on_the_pictures_grid(case: Case) -> None:
    kinds, height, width = case.model.kinds, *case.model.size
    assert {kind: [of.name for of in layers] for kind, layers in kinds.items()} == WANTED[case.name]
    layers = case.model.resolve(["all"])
    assert len({of.name for of in layers}) == len({of.path for of in layers}) == len(layers)
    assert all(of.grid[0] * width == of.grid[1] * height for of in layers)
    for kind, names in WANTED[case.name].items():
        assert [of.name for of in case.model.resolve([kind])] == names
    for kind in {"cross-attention", "mlp"} - kinds.keys():
        with pytest.raises(UnderpaintingError) as caught:
            case.model.denoise(PROMPTS, SEEDS, watch=["self-attention", kind])
        said = f"this model has no layers of the kind {kind}: it has {', '.join(WANTED[case.name])}"
        assert str(caught.value) == said
    paths = {of.name: of.path for of in layers}
    assert {name: paths[name] for name in MODULES[case.name]} == MODULES[case.name]


def test_a_run_with_all_kinds_watched_is_the_bare_one_and_sees_what_modules_give(case: Case) -> None:
    """What a module gave is copied by a hook of the test's own, at the time."""
    model, seen = case.model, dict[str, list[torch.Tensor]]()
    denoiser = model.adapter.denoiser(model.pipe)

    def copy(name: str) -> Any:
        return lambda module, inputs, output: seen.setdefault(name, []).append(
            tokens_of(case.name, output).clone()
        )

    handles = [
        denoiser.get_submodule(path).register_forward_hook(copy(name))
        for name, path in MODULES[case.name].items()
    ]
    expected = case.bare()
    seen.clear()
    records: list[StepRecord] = []
    branches = model.stacking(4.0).branches
    made = model.denoise(
        PROMPTS,
        SEEDS,
        steps=3,
        guidance_scale=4.0,
        watch=["all"],
        branches=branches,
        on_step=records.append,
    )
    for handle in handles:
        handle.remove()
    assert expected.std() > 0 and torch.equal(model.adapter.packed(made.latents), expected)
    calls = model.stacking(4.0).calls
    for name, given in seen.items():
        for step, record in enumerate(records):
            act = torch.cat([record.activations[name][branch] for branch in branches])
            assert torch.equal(act, torch.cat(given[step * calls : (step + 1) * calls]))


def test_edits_of_every_kind_change_the_picture(case: Case) -> None:
    model = case.model
    settings = {"steps": 2, "stop_after": 1, "guidance_scale": model.adapter.plain}

    def output(watch: list[Layer] | None = None, edit: Any = None) -> torch.Tensor:
        records: list[StepRecord] = []
        given = {"watch": watch, "edit": edit} if watch else {}
        model.denoise(PROMPTS[:1], SEEDS[:1], **settings, **given, on_step=records.append)
        return records[0].network_output

    plain = output()
    for layers in model.kinds.values():
        last = layers[-1]
        token = last.tokens - 2

        def push(name: str, evaluation: Any, x: torch.Tensor, token: int = token) -> torch.Tensor:
            pushed = x.clone()
            pushed[:, token] += 5 * torch.linspace(-1, 1, x.shape[2])
            return pushed

        changed = (output([last], push) - plain).abs().amax(1)[0] > 1e-6
        assert changed.any()
        if case.name != "unet" and last.name.endswith("stream"):  # nothing mixes tokens behind it
            rows, columns = (side // of for side, of in zip(changed.shape, last.grid, strict=True))
            row, column = divmod(token, last.grid[1])
            changed[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns] = False
            assert not changed.any()


def test_a_text_of_as_many_tokens_as_the_picture_is_not_taken_for_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Flux' 512 tokens of text, and a picture of 16 x 32."""
    model = attach(MAKERS["flux"](tmp_path_factory.mktemp("family"))).of_size(64, 128)
    seen: list[torch.Tensor] = []
    block = model.pipe.transformer.transformer_blocks[0]
    handle = block.register_forward_hook(lambda module, inputs, output: seen.extend(output))
    records: list[StepRecord] = []
    model.denoise(["a mug"], [1], steps=1, watch=["double.0.stream"], on_step=records.append)
    handle.remove()
    text, picture = seen
    assert text.shape == picture.shape and not torch.equal(text, picture)
    assert torch.equal(records[0].activations["double.0.stream"]["conditional"], picture)
    with pytest.raises(UnderpaintingError, match="no grid of tokens"):
        model.resolve(["transformer_blocks.0.ff_context"])


@pytest.mark.parametrize(
    ("names", "every", "expected"),
    [
        (["self-attention"], 1, AT),
        (["self-attention"], 6, [AT[0], AT[6], AT[12]]),
        (["mlp", "self-attention"], 10, ["down.0.0", AT[10], "down.0.0.mlp", AT[10] + ".mlp"]),
        (["blocks", "up.3.1"], 20, ["up.3.1", "down.0.0.stream", "up.3.1.stream"]),
        (["all"], 1000, ["down.0.0", "down.0.0.cross", "down.0.0.stream", "down.0.0.mlp"]),
        (["up.3.*"], 1, ["up.3.0", "up.3.1", "up.3.2"]),
        (["*.0.stream"], 1, [f"{of}.stream" for of in STREAM if of.endswith(".0")]),
        (["up.[12].0.mlp", "mid.?", "up.1.*"], 1, ["mid.0", *AT[7:10], "up.1.0.mlp", "up.2.0.mlp"]),
        (["up.*", "down.*", "*.0"], 1, [of for of in AT if of[0] in "ud" or of.endswith(".0")]),
        (["up.*"], 4, [AT[7], AT[11], AT[15]]),
        (["up.*.mlp", "mid.0"], 5, ["mid.0", AT[7] + ".mlp", AT[12] + ".mlp"]),
        (["up.3.1.cross", MODULES["unet"]["up.2.1.stream"]], 1, ["up.3.1.cross", "up.2.1.stream"]),
    ],
)
def test_presets_are_thinned_and_globs_are_of_one_kind(
    model: Model, names: list[str], every: int, expected: list[str]
) -> None:
    assert [of.name for of in model.resolve(names, every_nth_block=every)] == expected


def test_blocks_with_two_attentions_are_thinned_as_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Stable Diffusion 3.5 medium's first blocks have a second self-attention."""
    pipe = MAKERS["stable diffusion 3"](tmp_path_factory.mktemp("family"))
    config = {key: value for key, value in pipe.transformer.config.items() if not key.startswith("_")}
    config |= {"num_layers": 4, "dual_attention_layers": (0, 1, 2)}
    pipe.transformer = type(pipe.transformer)(**config).eval()
    model = attach(pipe)
    assert [of.name for of in model.layers][:4] == ["block.0", "block.0.attn2", "block.1", "block.1.attn2"]
    thinned = [of.name for of in model.resolve(["all"], every_nth_block=2)]
    pairs = [["block.0", "block.0.attn2", "block.2", "block.2.attn2"]]
    pairs += [[f"block.{i}.{word}" for i in (0, 2)] for word in ("stream", "mlp")]
    assert thinned == [name for names in pairs for name in names]


@pytest.mark.parametrize(
    ("names", "every", "words"),
    [
        (
            ["up.9.*"],
            1,
            r"unknown layer up\.9\.\*: nearest are up\.3.* \(all of a kind: self-attention, cross",
        ),
        (["up.3.0.mpl"], 1, "unknown layer up.3.0.mpl: nearest are up.3.0.mlp"),
        (["crossattention"], 1, "unknown layer crossattention"),
        (
            ["up.3.0", "up.3.1"],
            2,
            r"\(--every-nth-block\) 2 thins kinds .*self-att.* and globs, .* are names",
        ),
        (["blocks"], 0, "every_nth_block is 0: give a whole number from 1"),
    ],
)
def test_layers_that_are_not_there_are_said(model: Model, names: list[str], every: int, words: str) -> None:
    with pytest.raises(UnderpaintingError, match=words) as caught:
        model.resolve(names, every_nth_block=every)
    assert "\n" not in str(caught.value)
