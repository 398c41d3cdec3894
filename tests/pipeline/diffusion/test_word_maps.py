"""Heat maps of words: against attention computed plainly by hooks on a bare pipeline's projections."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxTransformer2DModel, StableDiffusionPipeline
from torch.nn.functional import interpolate
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import TorchDispatchMode

from tests.pipeline import families
from tests.pipeline.conftest import tiny_pipeline
from underpainting.diffusion import Model, attach, text_attention
from underpainting.diffusion.text_attention import TextAttention, hear_text_attention
from underpainting.diffusion.word_maps import average, grid_of
from underpainting.errors import UnderpaintingError

PROMPTS, SEEDS, STEPS = ["a red mug", "mug, a wide red mug"], [3, 4], 2
WORDS = [["mug", "red"], ["mug", "wide red"]]

# Tokens are letters: those of CLIP leave out blanks and begin after one that marks the start.
CLIP = [[[5, 6, 7], [2, 3, 4]], [[1, 2, 3, 13, 14, 15], [6, 7, 8, 9, 10, 11, 12]]]
T5 = [[[6, 7, 8], [2, 3, 4]], [[0, 1, 2, 16, 17, 18], [*range(7, 15)]]]
BOTH = [
    [own + [77 + at for at in beside] for own, beside in zip(*of, strict=True)]
    for of in zip(CLIP, T5, strict=True)
]
KINDS: dict[str, tuple[Callable[[Path], Any], Any]] = {
    "stable diffusion 1": (tiny_pipeline, CLIP),
    "stable diffusion xl": (families.stable_diffusion_xl, CLIP),
    "pixart sigma": (families.pixart_sigma, T5),
    "stable diffusion 3": (families.stable_diffusion_3, BOTH),
}


@pytest.mark.parametrize("kind", KINDS)
def test_word_maps_are_plain_attention_averaged_as_daam_does(kind: str, tmp_path: Path) -> None:
    make, tokens = KINDS[kind]
    model = attach(make(tmp_path))
    mapped = model.word_maps(PROMPTS, SEEDS, WORDS, steps=STEPS, guidance_scale=3.0)

    bare, (height, width) = model.pipe, model.size
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    options = {"height": height, "width": width, "num_inference_steps": STEPS, "guidance_scale": 3.0}
    options |= model.adapter.call_options(bare)
    with _probabilities(bare) as heard:
        latents = bare(PROMPTS, generator=generators, output_type="latent", **options).images
    assert torch.equal(mapped.latents, latents)
    assert mapped.by_step.shape[:3] == (STEPS, 2, 2) and mapped.words == (("mug", "red"), ("mug", "wide red"))
    grid = mapped.by_step.shape[-2:]
    assert len(heard) % STEPS == 0
    layers = len(heard) // STEPS
    for step in range(STEPS):
        own = heard[step * layers : (step + 1) * layers]
        assert max(of.shape[1] for of in own) == grid[0] * grid[1]
        for i, j in np.ndindex(2, 2):
            expected = torch.zeros(grid)
            for attention in own:  # [picture, query, key], mean over heads
                side = round(attention.shape[1] ** 0.5)
                of_word = attention[i][:, tokens[i][j]].mean(1).reshape(1, 1, side, side)
                expected += interpolate(of_word, grid, mode="bicubic").clamp(min=0)[0, 0] / layers
            torch.testing.assert_close(mapped.by_step[step, i, j], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(mapped.maps, (mapped.by_step[0] + mapped.by_step[1]) / 2)


class _probabilities:
    """Every module's attention to all keys [conditional row, query of the picture, key], mean over heads."""

    def __init__(self, pipe: Any) -> None:
        self.pipe, self.handles, self.heard = pipe, [], []

    def __enter__(self) -> list[torch.Tensor]:
        denoiser = getattr(self.pipe, "unet", None) or self.pipe.transformer
        for path, module in denoiser.named_modules():
            joint = getattr(module, "add_k_proj", None) is not None
            if (getattr(module, "is_cross_attention", False) or joint) and "mid_block" not in path:
                given: dict[str, torch.Tensor] = {}
                names = ["to_q", "to_k", *(["add_k_proj"] if joint else [])]
                for name in names:
                    hook = lambda m, i, o, given=given, name=name: given.__setitem__(name, o)  # noqa: E731
                    self.handles.append(getattr(module, name).register_forward_hook(hook))
                end = lambda m, a, k, o, given=given: self._end(m, k, given)  # noqa: E731
                self.handles.append(module.register_forward_hook(end, with_kwargs=True))
        return self.heard

    def __exit__(self, *raised: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _end(self, module: Any, kwargs: Any, given: dict[str, torch.Tensor]) -> None:
        keys = [given["to_k"], *([given["add_k_proj"]] if "add_k_proj" in given else [])]
        query, key = (
            x.unflatten(2, (module.heads, -1)).transpose(1, 2) for x in (given["to_q"], torch.cat(keys, 1))
        )
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        if (mask := kwargs.get("attention_mask")) is not None:
            scores = scores + mask[:, None]
        paid = scores.softmax(-1).mean(1)
        paid = paid[len(paid) // 2 :]
        self.heard.append(
            torch.cat([paid[..., query.shape[2] :], paid[..., : query.shape[2]]], -1)
            if len(keys) > 1
            else paid
        )


def test_of_a_step_of_two_evaluations_the_first_is_mapped(model: Model) -> None:
    model.use_scheduler("heun")
    heun = model.word_maps(PROMPTS, SEEDS, ["mug"], steps=2)
    model.use_scheduler("euler")
    euler = model.word_maps(PROMPTS, SEEDS, ["mug"], steps=2)
    assert heun.by_step.shape == euler.by_step.shape
    torch.testing.assert_close(heun.by_step[0], euler.by_step[0])  # the same noise at the same level


def test_words_of_a_picture_that_is_looked_at_are_mapped(model: Model) -> None:
    kept: list[Any] = []
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model.look(
        picture, ["a mug"], [0], steps=2, words=[["mug"]], on_step=lambda record: kept.append(record.words)
    )
    assert [of.shape for of in kept] == [(1, 1, 16, 16)] * 2 and all(0 < of.mean() < 1 for of in kept)


def _cubic(size: int, wanted: int) -> np.ndarray:
    """Bicubic interpolation of a row to more cells, as a matrix (Keys 1981, a = -0.75, ends repeated)."""
    matrix, a = np.zeros((wanted, size)), -0.75
    for i in range(wanted):
        at = (i + 0.5) * size / wanted - 0.5
        for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            x = abs(at - j)
            near = (a + 2) * x**3 - (a + 3) * x**2 + 1
            far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
            matrix[i, min(max(j, 0), size - 1)] += near if x <= 1 else far if x < 2 else 0
    return matrix


def test_layers_of_several_grids_are_averaged_on_the_finest() -> None:
    fine = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    spot = torch.zeros(2, 1, 3, 4)
    spot[:, :, 1, 2] = 1
    rows, columns = _cubic(3, 6), _cubic(4, 8)
    enlarged = rows @ spot[0, 0].double().numpy() @ columns.T
    assert enlarged.min() < -0.01  # which is cut off
    expected = (fine.double().numpy() + np.maximum(enlarged, 0)) / 2
    np.testing.assert_allclose(average([fine, spot]), expected, atol=1e-6)


def test_grids_are_of_as_many_tokens() -> None:
    assert grid_of(96 * 64, (96, 64)) == (96, 64) and grid_of(24 * 16, (96, 64)) == (24, 16)
    assert grid_of(8 * 5, (15, 10)) == (8, 5)  # a U-Net halves what is odd upwards
    with pytest.raises(UnderpaintingError, match="7 tokens of a picture are on no grid of its 4 x 4"):
        grid_of(7, (4, 4))


class _Largest(TorchDispatchMode):
    """Numbers of the largest tensor that is made, views of what was there apart."""

    def __init__(self, *there: torch.Tensor) -> None:
        super().__init__()
        self.numbers, self.there = 0, {of.untyped_storage().data_ptr() for of in there}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.untyped_storage().data_ptr() not in self.there:
            self.numbers = max(self.numbers, made.numel())
        return made


@pytest.mark.parametrize(("rows", "largest"), [(3, 2**22), (1, 2**18), (2, 1)])
def test_attention_in_chunks_is_attention_in_one(
    rows: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads, queries, keys = (8, 4096, 77) if largest > 1 else (2, 24, 7)  # of Stable Diffusion; or by ones
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(rows, heads, n, 4, generator=generator) for n in (queries, keys))
    mask = torch.randn(1, 1, 1, keys, generator=generator).expand(rows, heads, queries, keys)
    shares = torch.rand(rows, keys - 2, 3, generator=generator)
    attention = TextAttention(query, key, 0.5, slice(2, keys), mask)
    monkeypatch.setattr(text_attention, "LARGEST", largest)
    with _Largest(query, key, mask, shares) as made:
        paid = attention.paid(shares)
    kept = max(paid.numel(), key.numel())
    assert made.numbers <= max(largest, kept, heads * keys) < rows * heads * queries * keys
    whole = (0.5 * query @ key.transpose(2, 3) + mask).softmax(-1).mean(1)
    torch.testing.assert_close(paid, whole[..., 2:] @ shares, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["flux", "stable diffusion 3"])
def test_joint_attention_to_the_text_is_what_moves_its_values(kind: str, tmp_path: Path) -> None:
    """With values of 1 for text and 0 for the picture, a module gives the attention that the text is paid."""
    if kind == "flux":
        denoiser: Any = FluxTransformer2DModel(
            in_channels=8, num_layers=2, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=8, pooled_projection_dim=8, axes_dims_rope=(4, 6, 6),
        )  # fmt: skip
        given = {
            "hidden_states": torch.randn(2, 12, 8), "encoder_hidden_states": torch.randn(2, 5, 8),
            "pooled_projections": torch.randn(2, 8), "timestep": torch.ones(2),
            "img_ids": torch.randint(0, 9, (12, 3)).float(), "txt_ids": torch.zeros(5, 3),
        }  # fmt: skip
    else:
        denoiser = families.stable_diffusion_3(tmp_path).transformer
        given = {
            "hidden_states": torch.randn(2, 4, 16, 16), "encoder_hidden_states": torch.randn(2, 5, 32),
            "pooled_projections": torch.randn(2, 32), "timestep": torch.ones(2),
        }  # fmt: skip
    moved: list[torch.Tensor] = []
    paid: list[torch.Tensor] = []
    for block in denoiser.transformer_blocks:
        for values, number in ((block.attn.to_v, 0.0), (block.attn.add_v_proj, 1.0)):
            torch.nn.init.constant_(values.weight, 0)
            torch.nn.init.constant_(values.bias, number)
        block.attn.to_out[0].register_forward_pre_hook(lambda m, given: moved.append(given[0].mean(-1)))

    def tell(path: str, attention: TextAttention) -> None:
        paid.append(attention.paid(torch.ones(2, attention.text_tokens, 1))[..., 0])

    with torch.no_grad(), hear_text_attention(denoiser, lambda: True, tell) as paths:
        denoiser(**given)
    assert paths == ("transformer_blocks.0.attn", "transformer_blocks.1.attn")
    for own, expected in zip(paid, moved, strict=True):
        torch.testing.assert_close(own, expected)
        assert own.std() > 0


def _clean(pipe: StableDiffusionPipeline) -> bool:
    hooks = (m._forward_hooks or m._forward_pre_hooks for m in pipe.unet.modules())
    return not _get_current_function_mode_stack() and not any(hooks) and "step" not in vars(pipe.scheduler)


LONG = " ".join(["word"] * 30) + " mug"
REFUSED = [
    ("a red mug", ["lemon"], "word 'lemon' is not in the prompt 'a red mug'"),
    ("a red mugs", ["mug"], "word 'mug' is not in the prompt"),
    ("a red mug", [""], "word '' is not in the prompt"),
    ("a red mug", [], "give words, as many for each prompt"),
    ("a red mug", [["mug"], ["red"]], "give words, as many for each prompt"),
    (LONG, ["mug"], "word 'mug' is not among the 77 tokens that are read of its prompt"),
]


@pytest.mark.parametrize(("prompt", "words", "line"), REFUSED)
def test_words_that_cannot_be_mapped_are_refused(model: Model, prompt: str, words: Any, line: str) -> None:
    with pytest.raises(UnderpaintingError, match=line):
        model.word_maps([prompt], [0], words, steps=1)


def test_attention_that_cannot_be_heard_is_refused_and_leaves_nothing(model: Model) -> None:
    model.pipe.enable_attention_slicing(1)
    with pytest.raises(UnderpaintingError, match=r"attn2 does not attend .* \(SlicedAttnProcessor\)"):
        model.word_maps(["a mug"], [0], ["mug"], steps=1)
    assert _clean(model.pipe)
    with (
        pytest.raises(UnderpaintingError, match="Linear has no attention to the text"),
        hear_text_attention(torch.nn.Linear(2, 2), lambda: True, lambda path, attention: None),
    ):
        pass


def test_a_run_that_is_stopped_within_attention_leaves_nothing(model: Model) -> None:
    def stop(module: Any, given: Any) -> None:
        raise KeyboardInterrupt

    inner = next(m for path, m in model.pipe.unet.named_modules() if path.endswith("attn2.to_out.0"))
    with inner.register_forward_pre_hook(stop), pytest.raises(KeyboardInterrupt):
        model.word_maps(["a mug"], [0], ["mug"], steps=1)
    assert _clean(model.pipe)


def test_a_text_whose_tokens_are_not_those_of_its_tokenizers_is_refused(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = type(model.pipe).encode_prompt
    monkeypatch.setattr(
        type(model.pipe),
        "encode_prompt",
        lambda self, *given, **options: tuple(of[:, 1:] for of in encode(self, *given, **options)),
    )
    with pytest.raises(UnderpaintingError, match="given 76 text tokens, its tokenizers give 77"):
        model.word_maps(["a mug"], [0], ["mug"], steps=1)


def test_a_tokenizer_that_tells_no_offsets_is_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(model.pipe.tokenizer), "is_fast", False)
    with pytest.raises(UnderpaintingError, match="CLIPTokenizer does not tell where a token stands"):
        model.word_maps(["a mug"], [0], ["mug"], steps=1)
