"""Maps from prompts alone, against scikit-learn's ridge regression with one left out after another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from underpainting.controls import FinishedPicture, FitPictures, controls
from underpainting.controls.prompt import STRENGTHS, fit_maps
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import Property

SALIENCY, DEPTH = Property("saliency", True), Property("depth", False)


def drawn(prompts: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings [prompt, 6], and maps [prompt, 20] that follow them with some noise."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(prompts, 6, generator=generator)
    weight, noise = torch.randn(6, 20, generator=generator), torch.randn(prompts, 20, generator=generator)
    return x, (x @ weight + 0.3 * noise + 2).double()


def test_maps_are_those_of_ridge_regression_at_the_best_strength() -> None:
    x, y = drawn()
    mean, dual, left_out = fit_maps(x, y)
    new = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    told = mean + (new - x.mean(0)).double() @ (x - x.mean(0)).double().T @ dual
    centred = (x - x.mean(0)).double().numpy()
    scale = float(np.square(centred).sum() / len(x))
    errors = {}
    for strength in STRENGTHS.tolist():
        out = [
            Ridge(alpha=strength * scale).fit(np.delete(x, i, 0), np.delete(y, i, 0)).predict(x[i : i + 1])[0]
            for i in range(len(x))
        ]
        errors[strength] = np.square(np.array(out) - y.numpy()).mean()
        if np.allclose(out, left_out, atol=1e-6):
            chosen = strength
    assert chosen == min(errors, key=errors.__getitem__)
    expected = Ridge(alpha=chosen * scale).fit(x, y).predict(new)
    np.testing.assert_allclose(told, expected, atol=1e-6)


def test_a_control_of_the_prompt_tells_what_the_prompt_decides(tmp_path: Path) -> None:
    control = controls()["prompt"]
    x, _ = drawn(10)
    x[:, 0] = torch.tensor([1.0, -1.0]).repeat(5)
    sides = x[:, 0] > 0  # the object is left or right, as the first number of the embedding says
    mask = torch.zeros(30, 16, 16)
    order = torch.arange(10).repeat(3)  # each prompt has three pictures
    mask[sides[order], :, :8] = 1
    mask[~sides[order], :, 8:] = 1
    pictures = FitPictures((SALIENCY, DEPTH), {"saliency": mask, "depth": mask * 3 + 1}, None, x[order])
    control.train(pictures, tmp_path)
    opened = control.opened(tmp_path)
    for side, columns in ((1.0, slice(0, 8)), (-1.0, slice(8, 16))):
        prompt = torch.zeros(6)
        prompt[0] = side
        seen = FinishedPicture(
            torch.zeros(16, 16, 3, dtype=torch.uint8), {}, None, None, pictures.properties, prompt
        )
        (maps,) = opened.maps(seen).values()
        expected = torch.zeros(16, 16, dtype=torch.bool)
        expected[:, columns] = True
        assert torch.equal(maps["saliency"][0] > control.threshold, expected)
        assert maps["depth"].shape == (1, 16, 16) and bool((maps["depth"][0][expected] > 2.5).all())


def test_too_few_prompts_are_one_line(tmp_path: Path) -> None:
    pictures = FitPictures((DEPTH,), {"depth": torch.rand(4, 8, 8)}, None, torch.ones(4, 6))
    with pytest.raises(UnderpaintingError, match="at least 3 different fit prompts"):
        controls()["prompt"].train(pictures, tmp_path)
