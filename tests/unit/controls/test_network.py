"""The small network that reads latents: it learns what is there, and is the same when read back."""

from pathlib import Path

import pytest
import torch

from underpainting.controls import FinishedPicture, FitPictures, controls
from underpainting.controls import network as module
from underpainting.controls.network import load_reader, save_reader, train_reader
from underpainting.errors import UnderpaintingError
from underpainting.probes import cell_means, enlarge
from underpainting.vocabulary import Property


def data(pictures: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents with a bump in channel 0 that moves about, under falling noise; where it is, and how high."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.rand(pictures, 2, generator=generator) * 6 + 1
    height = 1 + torch.rand(pictures, generator=generator)
    at = torch.arange(8.0)
    square = (at[:, None, None] - centre[:, 0]) ** 2 + (at[None, :, None] - centre[:, 1]) ** 2
    bump = (height * torch.exp(-square / 4)).permute(2, 0, 1)
    noise = (
        torch.randn(pictures, 3, 4, 8, 8, generator=generator)
        * torch.tensor([1.0, 0.5, 0.1])[:, None, None, None]
    )
    latents = noise
    latents[:, :, 0] += bump[:, None]
    labels = torch.stack([(bump > 0.5).float(), 10 + 5 * bump], dim=1)
    return latents.half(), labels


def test_it_learns_and_is_read_back_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UPDATES", 150)
    latents, labels = data(64, 0)
    reader = train_reader(latents, labels, [True, False])
    test, wanted = data(16, 1)
    read = reader(test[:, 2].float(), torch.ones(16))
    inside = read[:, 0] > 0.5
    assert (inside == (wanted[:, 0] > 0.5)).float().mean() > 0.97
    assert torch.corrcoef(torch.stack([read[:, 1].flatten(), wanted[:, 1].flatten()]))[0, 1] > 0.95
    assert (read[:, 1] - wanted[:, 1]).abs().mean() < 0.5  # in the label's units
    early = reader(test[:, 0].float(), torch.full((16,), 1 / 3))
    assert (early[:, 1] - wanted[:, 1]).abs().mean() > (read[:, 1] - wanted[:, 1]).abs().mean()

    save_reader(reader, tmp_path / "reader.safetensors")
    again = load_reader(tmp_path / "reader.safetensors")
    assert torch.equal(again(test[:, 2].float(), torch.ones(16)), read)
    before = torch.get_rng_state()
    same = train_reader(latents, labels, [True, False])
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), reader.parameters(), strict=True))


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_what_is_no_reader_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "reader.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnderpaintingError, match="no readable reader of latents"):
        load_reader(path)


def test_the_control_trains_a_reader_a_kind_and_reads_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UPDATES", 3)
    properties = (Property("saliency", True), Property("depth", False))
    latents, maps = data(6, 0)
    kinds = torch.stack([latents, latents * 2], dim=1)  # [picture, kind, step, channel, h, w]
    labels = {of.name: enlarge(maps[:, k].flatten(1), (8, 8), (16, 16)) for k, of in enumerate(properties)}
    network = controls()["network"]
    assert network.records_latents and network.threshold == 0.5
    network.train(FitPictures(properties, labels, kinds, None), tmp_path)
    opened = network.opened(tmp_path)
    picture = FinishedPicture(torch.zeros(16, 16, 3, dtype=torch.uint8), {}, kinds[0], None, properties)
    read = opened.maps(picture)
    assert list(read) == [source.key for source in network.sources] == ["network:noisy", "network:clean"]
    small = torch.stack([cell_means(labels[of.name], (8, 8)).reshape(6, 8, 8) for of in properties], dim=1)
    for k, kind in enumerate(("noisy", "clean")):
        reader = train_reader(kinds[:, k], small, [True, False])
        expected = reader(kinds[0, k].float(), torch.tensor([1 / 3, 2 / 3, 1.0]))
        for i, of in enumerate(properties):
            assert read[f"network:{kind}"][of.name].shape == (3, 8, 8)
            torch.testing.assert_close(read[f"network:{kind}"][of.name], expected[:, i])
