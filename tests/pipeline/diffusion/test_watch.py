"""Early stop, edits, and what happens when something goes wrong on the way."""

from typing import Any

import pytest
import torch

from tests.pipeline.diffusion.stepping import SEVERAL, use_several
from underpainting.diffusion import Evaluation, Model, StepRecord
from underpainting.errors import UnderpaintingError

BOTH = ("unconditional", "conditional")


def traces(model: Model) -> list[Any]:
    """Hooks and wrappers left on the pipeline."""
    hooks = [hook for module in model.pipe.unet.modules() for hook in module._forward_hooks.values()]
    return hooks + [value for name, value in vars(model.pipe.scheduler).items() if name == "step"]


@pytest.mark.parametrize(("scheduler", "evaluations"), [("lms", 3), ("heun", 6), ("pndm", 4)])
def test_stopping_early_gives_the_latents_after_that_step(
    model: Model, scheduler: str, evaluations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.use_scheduler(scheduler)
    after: list[torch.Tensor] = []

    def keep(pipe: Any, index: int, timestep: Any, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
        after.append(tensors["latents"])
        return {}

    model.pipe(
        ["a mug"],
        num_inference_steps=5,
        generator=[torch.Generator("cpu").manual_seed(2)],
        output_type="latent",
        callback_on_step_end=keep,
    )
    freed: list[bool] = []
    monkeypatch.setattr(model.pipe, "maybe_free_model_hooks", lambda: freed.append(True))
    stopped = model.denoise(["a mug"], [2], steps=5, stop_after=3)
    assert stopped.evaluations == evaluations
    assert torch.equal(stopped.latents, after[evaluations - 1])
    assert freed and not traces(model)


def test_an_edit_acts_on_the_rows_it_changes_and_no_others(model: Model) -> None:
    def run(edit: Any) -> tuple[torch.Tensor, StepRecord]:
        records: list[StepRecord] = []
        done = model.denoise(
            ["a mug", "a lemon"],
            [1, 2],
            steps=3,
            watch=["self-attention"],
            branches=BOTH,
            on_step=records.append,
            edit=edit,
        )
        return done.latents, records[0]

    def push(layer: str, evaluation: Evaluation, act: torch.Tensor) -> torch.Tensor:
        if layer != "down.1.0" or evaluation.step != 1:
            return act
        pushed = act.clone()
        pushed[2:] += 5
        return pushed

    plain, before = run(None)
    untouched, _ = run(lambda layer, evaluation, act: act)
    edited, after = run(push)
    assert torch.equal(plain, untouched)
    assert not torch.allclose(plain, edited)
    for name, act in after.activations.items():
        assert torch.equal(act["unconditional"], before.activations[name]["unconditional"])
        changed = not torch.equal(act["conditional"], before.activations[name]["conditional"])
        assert changed == (name not in ("down.0.0", "down.0.1"))
    torch.testing.assert_close(
        after.activations["down.1.0"]["conditional"], before.activations["down.1.0"]["conditional"] + 5
    )


def test_an_edit_gets_the_layers_full_output_at_every_step(model: Model) -> None:
    seen: list[tuple[str, int, tuple[int, ...]]] = []

    def edit(layer: str, evaluation: Evaluation, act: torch.Tensor) -> torch.Tensor:
        seen.append((layer, evaluation.step, tuple(act.shape)))
        return act

    model.denoise(["a mug"], [1], steps=2, watch=["up.3.0", "conv_in"], edit=edit)
    model.denoise(["a mug"], [1], steps=1, watch=["up.3.0"], edit=edit, guidance_scale=1)
    assert seen == [
        ("conv_in", 1, (2, 256, 8)),
        ("up.3.0", 1, (2, 256, 8)),
        ("conv_in", 2, (2, 256, 8)),
        ("up.3.0", 2, (2, 256, 8)),
        ("up.3.0", 1, (1, 256, 8)),
    ]


@pytest.mark.parametrize("scheduler", SEVERAL)
def test_an_edit_is_told_every_evaluation(model: Model, scheduler: str) -> None:
    use_several(model, scheduler)
    seen: list[Evaluation] = []

    def edit(layer: str, evaluation: Evaluation, act: torch.Tensor) -> torch.Tensor:
        seen.append(evaluation)
        return act

    done = model.denoise(["a mug"], [1], steps=4, watch=["mid.0"], edit=edit)
    assert [of.number for of in seen] == list(range(done.evaluations)) and done.evaluations > 4
    assert [of.step for of in seen] == sorted(of.step for of in seen)
    records: list[StepRecord] = []
    model.denoise(["a mug"], [1], steps=4, on_step=records.append)
    first = [(of.step, of.number) for of in seen if of.first]
    assert first == [(record.step, record.evaluation) for record in records]
    assert [step for step, _ in first] == [1, 2, 3, 4]


def test_an_edit_of_a_convolution_lands_where_it_was_made(model: Model) -> None:
    seen: list[torch.Tensor] = []

    def edit(layer: str, evaluation: Evaluation, act: torch.Tensor) -> torch.Tensor:
        changed = act.clone()
        changed[:, 16 * 3 + 5, 2] = 100
        return changed

    block = model.pipe.unet.down_blocks[0].resnets[0]
    handle = block.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model.denoise(["a mug"], [1], steps=1, watch=["conv_in"], edit=edit)
    handle.remove()
    assert (seen[0] == 100).nonzero().tolist() == [[0, 2, 3, 5], [1, 2, 3, 5]]


def test_records_are_still_right_after_the_run(model: Model) -> None:
    copies: list[dict[str, torch.Tensor]] = []
    records: list[StepRecord] = []

    def keep(record: StepRecord) -> None:
        records.append(record)
        copies.append({name: act["conditional"].clone() for name, act in record.activations.items()})

    watch = ["self-attention", "conv_in", "down_blocks.0.resnets.0", "up_blocks.1"]
    model.denoise(["a mug"], [1], steps=3, watch=watch, on_step=keep)
    for record, copy in zip(records, copies, strict=True):
        for name, act in record.activations.items():
            assert torch.equal(act["conditional"], copy[name])
            assert not act["conditional"].requires_grad


def test_everything_is_taken_off_after_an_error(model: Model) -> None:
    def fail(record: StepRecord) -> None:
        raise RuntimeError("mine")

    bar = dict(model.pipe._progress_bar_config)
    before = model.denoise(["a mug"], [1], steps=2)
    with pytest.raises(RuntimeError, match="mine"):
        model.denoise(["a mug"], [1], steps=2, watch=["self-attention"], on_step=fail, progress=True)
    assert not traces(model) and model.pipe._progress_bar_config == bar
    assert torch.equal(model.denoise(["a mug"], [1], steps=2).latents, before.latents)


def test_a_step_that_was_wrapped_before_stays_wrapped(model: Model) -> None:
    scheduler = model.pipe.scheduler
    original = scheduler.step
    calls: list[int] = []

    def mine(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return original(*args, **kwargs)

    scheduler.step = mine
    try:
        model.denoise(["a mug"], [1], steps=2)
        assert len(calls) == 2 and scheduler.step is mine
    finally:
        del scheduler.step


def test_a_layer_that_is_skipped_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    block = model.pipe.unet.up_blocks[2].attentions[1].transformer_blocks[0]
    monkeypatch.setattr(block, "forward", lambda hidden_states, **kwargs: hidden_states)
    with pytest.raises(UnderpaintingError, match=r"layer up\.2\.1 .*called 0 times in step 1"):
        model.denoise(["a mug"], [1], steps=2, watch=["self-attention"])
    assert not traces(model)


def test_a_layer_that_is_called_twice_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    block = model.pipe.unet.up_blocks[3].attentions[2].transformer_blocks[0]
    inner = block.forward

    def twice(hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        block.attn1(hidden_states)
        return inner(hidden_states, **kwargs)

    monkeypatch.setattr(block, "forward", twice)
    with pytest.raises(UnderpaintingError, match=r"layer up\.3\.2 .*called 2 times in step 1"):
        model.denoise(["a mug"], [1], steps=2, watch=["up.3.2"])


def test_a_layer_of_another_shape_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    attention = model.pipe.unet.up_blocks[3].attentions[2].transformer_blocks[0].attn1
    inner = attention.forward
    monkeypatch.setattr(attention, "forward", lambda *args, **kwargs: inner(*args, **kwargs)[:, :100])
    with pytest.raises(UnderpaintingError, match=r"layer up\.3\.2 .*\[2, 100, 8\].*\[2, 256, 8\]"):
        model.denoise(["a mug"], [1], steps=2, watch=["self-attention"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_activations_are_named(model: Model, value: float) -> None:
    def spoil(layer: str, evaluation: Evaluation, act: torch.Tensor) -> torch.Tensor:
        spoiled = act.clone()
        if evaluation.step == 2 and layer == "mid.0":
            spoiled[-1, 0, 0] = value
        return spoiled

    with pytest.raises(UnderpaintingError, match=r"layer mid\.0 .*step 2.*float32"):
        model.denoise(["a mug"], [1], steps=3, watch=["self-attention"], edit=spoil)


@pytest.mark.parametrize(
    ("returned", "message"), [(None, "no tensor"), (torch.zeros(1, 2, 3), r"\[1, 2, 3\].*keep \[2, 256, 8\]")]
)
def test_an_edit_that_returns_something_else_is_refused(model: Model, returned: Any, message: str) -> None:
    with pytest.raises(UnderpaintingError, match=message):
        model.denoise(["a mug"], [1], steps=1, watch=["up.3.0"], edit=lambda layer, evaluation, act: returned)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"prompts": []}, "0 prompts"),
        ({"prompts": "a mug"}, "one string"),
        ({"seeds": [1, 2]}, "1 prompts and 2 seeds"),
        ({"steps": 0}, "at least 1"),
        ({"stop_after": 4}, "from 1 to 3"),
        ({"branches": ["left"]}, "unknown branch left"),
        ({"branches": BOTH, "guidance_scale": 1.0}, "does not exist without guidance"),
        ({"edit": lambda layer, evaluation, act: act}, "no layers"),
        ({"height": 33}, "33 x 32"),
    ],
)
def test_requests_that_cannot_be_met(model: Model, asked: dict[str, Any], message: str) -> None:
    request: dict[str, Any] = {"prompts": ["a mug"], "seeds": [1], "steps": 3, **asked}
    with pytest.raises(UnderpaintingError, match=message):
        model.denoise(request.pop("prompts"), request.pop("seeds"), **request)
