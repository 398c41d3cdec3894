"""Published checkpoints, written as the study wrote them, against the module that it read them with."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from underpainting.cli import main
from underpainting.errors import UnderpaintingError
from underpainting.probes import Key, ProbeSet, import_published

STEPS = 3
SHADING = "_final_linear_no_bias_unsmoothed_lr0.01_epochs30_500_training_images"


class Published(nn.Module):
    """A probe as the study defines it: one linear layer a token, enlarged to the picture."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.dense1 = nn.Linear(channels, outputs, bias=False)

    def forward(self, x: torch.Tensor, side: int) -> torch.Tensor:
        """From [picture, token, channel] to maps [picture, output, 512, 512]."""
        tokens = self.dense1(x).transpose(1, 2).reshape(len(x), -1, side, side)
        return interpolate(tokens, size=(512, 512), mode="nearest")


def write(
    folder: Path, kind: str, block: str, channels: int, *, variant: str = "", seed: int = 0
) -> list[Published]:
    """One place's probes at every step."""
    torch.manual_seed(seed)
    written = []
    for step in range(STEPS):
        module = Published(channels, 2 if kind == "segmentation" else 1)
        path = folder / f"at_step_{step}" / f"{kind}_probe_{block}{variant}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(module.state_dict(), path)
        written.append(module)
    return written


def test_two_class_probes_read_as_the_published_module_does(tmp_path: Path) -> None:
    written = write(tmp_path / "x", "segmentation", "up_3_attn1_out_0", 320)
    write(tmp_path / "x", "segmentation", "down_2_attn1_out_1", 1280)
    write(tmp_path / "x", "segmentation", "mid_0_attn1_out_0", 1280)
    probes = import_published(tmp_path)
    assert [(of.name, of.grid, of.channels) for of in probes.layers] == [
        *(("down.2.1", (16, 16), 1280), ("mid.0", (8, 8), 1280), ("up.3.0", (64, 64), 320))
    ]
    assert probes.steps == STEPS and probes.best_layer("saliency") == "up.3.0"
    x = torch.randn(1, 4096, 320)
    for step, module in enumerate(written, start=1):
        read = probes.probe("saliency", "up.3.0", step).apply(x)
        mask = read > probes.entries[Key("saliency", "up.3.0", step, "conditional")].threshold
        expected = module(x, 64).argmax(1)
        enlarged = mask.reshape(1, 64, 64).repeat_interleave(8, 1).repeat_interleave(8, 2)
        assert torch.equal(enlarged.long(), expected) and 0.2 < expected.float().mean() < 0.8


def test_regression_probes_keep_their_scale_and_take_a_name(tmp_path: Path) -> None:
    written = write(tmp_path, "regression", "up_2_attn1_out_1", 640, variant="_linear_no_bias_unsmoothed")
    x = torch.randn(2, 1024, 640)
    for property in (None, "shading"):
        probes = import_published(tmp_path, property)
        name = property or "depth"
        assert (
            probes.properties == (name,)
            and probes.entries[Key(name, "up.2.1", 1, "conditional")].threshold is None
        )
        for step, module in enumerate(written, start=1):
            read = probes.probe(name, "up.2.1", step).apply(x)
            torch.testing.assert_close(read, module.dense1(x)[..., 0], atol=1e-5, rtol=1e-5)


def test_the_final_one_of_two_is_taken(tmp_path: Path) -> None:
    final = write(tmp_path, "segmentation", "up_3_attn1_out_2", 320, variant="_final", seed=1)
    write(tmp_path, "segmentation", "up_3_attn1_out_2", 320, seed=2)
    weight = final[0].dense1.weight
    entry = import_published(tmp_path).entries[Key("saliency", "up.3.2", 1, "conditional")]
    torch.testing.assert_close(entry.probe.weight, (weight[1] - weight[0]).detach())


def test_shading_is_known_by_its_folder_and_what_is_open_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "large_syn_dataset_shading", "regression", "up_3_attn1_out_0", 320, variant=SHADING)
    write(tmp_path / "large_syn_dataset_continuous", "regression", "up_3_attn1_out_0", 320, variant="_final")
    assert set(import_published(tmp_path).properties) == {"shading", "depth"}
    assert import_published(tmp_path / "large_syn_dataset_shading").properties == ("shading",)
    write(tmp_path / "permuted", "regression", "up_3_attn1_out_0", 320, variant="_final")
    with pytest.raises(UnderpaintingError, match=r"continuous.* and .*permuted.* both read depth at up.3.0"):
        import_published(tmp_path)


def test_the_command_writes_a_set_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "in", "segmentation", "up_3_attn1_out_0", 320)
    command = ["import-probes", str(tmp_path / "in"), str(tmp_path / "out" / "probes")]
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 0 and "3 probes of saliency at up.3.0" in capsys.readouterr().out
    assert (
        ProbeSet.load(tmp_path / "out" / "probes").entries.keys()
        == import_published(tmp_path / "in").entries.keys()
    )
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2 and "is there already" in capsys.readouterr().err


def test_what_is_no_published_probe_is_refused(tmp_path: Path) -> None:
    def refused(words: str) -> None:
        with pytest.raises(UnderpaintingError, match=words):
            import_published(tmp_path)

    refused("no published probes in")
    write(tmp_path, "segmentation", "up_3_attn1_out_0", 320)
    path = tmp_path / "at_step_1" / "segmentation_probe_up_3_attn1_out_0.pth"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("no readable checkpoint of a probe")
    torch.save(nn.Linear(320, 2).state_dict(), path)
    refused("holds weight, bias, not one linear layer dense1")
    torch.save(Published(640, 2).state_dict(), path)
    refused(r"dense1 is \[2, 640\], a segmentation probe of up.3.0 is \[2, 320\]")
    torch.save(Published(320, 2), path)  # a pickled module, which is never read
    refused("no readable checkpoint of a probe")
    path.write_bytes(whole)
    write(tmp_path, "segmentation", "up_4_attn1_out_0", 320)
    refused("has no up block 4")
    for made in tmp_path.rglob("*up_4*"):
        made.unlink()
    write(tmp_path, "regression", "up_3_attn1_out_0", 320)
    assert set(import_published(tmp_path).properties) == {"saliency", "depth"}
    with pytest.raises(UnderpaintingError, match="cannot all read 'shading'"):
        import_published(tmp_path, "shading")
