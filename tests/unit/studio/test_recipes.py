"""Trainings by several recipes, with tiny networks: what is measured, what is kept, what is paired."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from studio import autoencoder, check, diffusion, recipes, scenes, tokens
from studio.networks import Networks
from studio.plan import REHEARSAL
from studio.recipes import Recipe, held_out_loss, main, paired, row

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def asked(renders, tmp_path: Path) -> list[str]:
    """The arguments of a run of seconds: its scenes and the pipeline that it begins with."""
    made = renders(12)
    made["index"] = np.array([9, 19, 29, *range(9)], np.int32)  # three of them are held out
    (tmp_path / "compact").mkdir()
    np.savez(tmp_path / "compact" / "still-000000.npz", **scenes.pack(made))
    new, start = Networks(REHEARSAL), tmp_path / "start"
    autoencoder.save(new.vae, start / "vae")
    diffusion.save(new.denoiser, tokens.build(), start)
    return [
        *("--packed", str(tmp_path / "compact"), "--start", str(start), "--minutes", "0.0001"),
        *("--prompts", "8", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out.json")),
    ]


def test_recipes_are_measured_beside_the_first_and_kept(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "STEPS", 2)
    monkeypatch.setattr(
        recipes, "RECIPES", {"plain": Recipe("adamw", scenes=8), "told": Recipe(fresh=1, told=1.0)}
    )
    main(asked)
    found = json.loads((tmp_path / "out.json").read_text())["recipes"]
    assert set(found) == {"plain", "told"}
    for name, line in found.items():
        assert line["samples"] % diffusion.BATCH == 0 and line["samples"] > 0
        measured = line["measured"]
        assert {"loss", "class", "colour", "class, unseen pairs", "spread across", "same place"} <= set(
            measured
        )
        assert 0 < measured["loss"]["mean"] < 100 and 0 <= measured["class"]["mean"] <= 1
        assert (measured["loss"]["difference"] == 0) == (name == "plain")

    monkeypatch.setattr(recipes, "train", lambda *_, **__: pytest.fail("trained again"))
    main(asked)
    assert json.loads((tmp_path / "out.json").read_text())["recipes"] == found
    (tmp_path / "work" / "1" / "measured.npz").unlink()
    main(asked)  # what was trained is only measured again
    assert json.loads((tmp_path / "out.json").read_text())["recipes"] == found
    with pytest.raises(pytest.fail.Exception):  # with other settings, all is made again
        main([*asked, "--minutes", "0.0002"])


def test_the_held_out_loss_is_that_of_the_predicted_noise() -> None:
    latents, words = torch.randn(5, 4, 4, 4), torch.zeros(5, 3, dtype=torch.long)
    nothing = held_out_loss(lambda noisy, step, ids: torch.zeros_like(noisy), latents, words)
    assert nothing.shape == (5,) and float(nothing.mean()) == pytest.approx(
        1, abs=0.1
    )  # the noise's variance
    kept = diffusion.schedule().alphas_cumprod

    def knows(noisy: torch.Tensor, step: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        a = kept[step][:, None, None, None]
        return (noisy - a.sqrt() * latents[: len(noisy)]) / (1 - a).sqrt()

    assert float(held_out_loss(knows, latents, words).max()) < 1e-6


def test_differences_are_paired_over_what_both_have() -> None:
    rng = np.random.default_rng(0)
    common, gain = rng.normal(size=400), rng.normal(0.5, 0.1, size=400)
    found = paired(common + gain, common)
    assert found["difference"] == pytest.approx(0.5, abs=0.02)
    assert found["error"] == pytest.approx(0.1 / 20, rel=0.2)  # not that of the unpaired, 0.07
    holes = np.where(np.arange(400) < 100, np.nan, common + gain)
    assert paired(holes, common)["mean"] == pytest.approx((common + gain)[100:].mean())


def test_a_place_that_noise_decides_spreads_and_follows_its_seed() -> None:
    rng = np.random.default_rng(0)
    first = {"across": rng.uniform(0.2, 0.8, 200), "down": rng.uniform(0.4, 0.6, 200)}
    still = {"across": 0.5 + (first["across"] - 0.5) / 10, "down": rng.uniform(0.4, 0.6, 200)}
    line = row(still, first)
    assert line["same place"]["mean"] == pytest.approx(1)
    assert line["spread across"]["mean"] == pytest.approx(0.015, abs=0.002)
    assert line["spread across"]["difference"] == pytest.approx(-0.135, abs=0.02)
    assert abs(line["spread down"]["difference"]) < 0.02
