"""The command line from prompts to results, on a tiny pipeline and an estimator of one's own."""

import json
from pathlib import Path

import pytest

from underpainting.cli import main

ESTIMATOR = """
class Light:
    properties = ("saliency", "shading")
    name = "light"
    fingerprint = "1"

    def __call__(self, pictures):
        light = pictures.mean(1)
        middle = light.flatten(1).median(dim=1).values[:, None, None]
        return {"saliency": (light > middle).float(), "shading": light}
"""


def _call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    shown = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, shown.out, shown.err


def test_from_prompts_to_results(
    pipeline_folder: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "my_estimator.py").write_text(ESTIMATOR)
    (tmp_path / "prompts.csv").write_text("prompt,seed\n" + "".join(f"thing {i % 6},{i}\n" for i in range(9)))
    options = ("--prompts", "prompts.csv", "--model", str(pipeline_folder), "--limit", "8", "--steps", "2")
    own = (
        "--estimator",
        "my_estimator:Light",
        "--set",
        "run.batch_size=4",
        "--set",
        "run.gallery=1",
        "--device",
        "cpu",
    )

    code, out, err = _call(capsys, "init", "study", *options, *own, "--layers", "up.9.9")
    assert (code, out) == (2, "") and "unknown layer up.9.9" in err and "up.3.2" in err
    assert not (tmp_path / "study").exists()

    thinned = ("--layers", "mid.0,blocks", "--every-nth-block")
    code, _, err = _call(capsys, "init", "study", *options, *own, *thinned, "0")
    assert code == 2 and "every_nth_block = 0 in [watch]" in err and err.count("\n") == 1
    assert not (tmp_path / "study").exists()
    code, out, _ = _call(capsys, "init", "study", *options, *own, *thinned, "22")  # of 22 blocks the first
    assert code == 0 and "8 pictures" in out
    code, _, err = _call(capsys, "init", "study", *options)
    assert code == 2 and "already holds a study" in err

    code, out, _ = _call(capsys, "estimate", "study", "--no-time", "--json")
    cost = json.loads(out)
    assert (cost["pictures"], cost["evaluations"], cost["probes"]) == (8, 16, 8)
    assert cost["seconds"] is None and not (tmp_path / "study" / "shards").exists()

    code, out, err = _call(capsys, "run", "study", "--json")
    results = json.loads(out)
    assert code == 0 and {r["property"] for r in results} == {"saliency", "shading"}
    assert "report/index.html" in err and (tmp_path / "study/report/index.html").is_file()
    through = next((tmp_path / "study/moments").glob("*.safetensors"))
    assert through.stat().st_size == pytest.approx(cost["totals_bytes"], rel=0.25)

    code, out, _ = _call(capsys, "run", "study")
    assert code == 0 and "strongest control" in out and "emerges at step" in out
    lines = [line.split()[0] for line in out.splitlines()]
    assert lines == ["property", "saliency", "shading", "saliency,", "done:"]  # too few prompts for a verdict
    assert "too few for a verdict" in out

    text = (tmp_path / "study/study.toml").read_text()
    (tmp_path / "study/study.toml").write_text(text.replace("steps = 2", "stesp = 2"))
    code, _, err = _call(capsys, "run", "study")
    assert code == 2 and "did you mean 'steps'" in err and err.count("\n") == 1


def test_layers_of_a_pipeline(pipeline_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _call(capsys, "layers", str(pipeline_folder), "--json")
    layers = json.loads(out)
    assert code == 0 and len(layers) == 16
    assert layers[0]["name"] == "down.0.0" and layers[0]["grid"] == [16, 16]
    wanted = ("--layers", "blocks,up.3.2,conv_in", "--every-nth-block", "20")
    code, out, _ = _call(capsys, "layers", str(pipeline_folder), *wanted)
    listed = [line.split()[:2] for line in out.splitlines()[1:]]
    assert listed[0] == ["up.3.2", "self-attention"] and listed[3:] == [["conv_in", "other"]]
    assert listed[1:3] == [["down.0.0.stream", "blocks"], ["up.3.1.stream", "blocks"]]
    assert "up_blocks.3.attentions.2.transformer_blocks.0.attn1" in out
    code, out, err = _call(capsys, "layers", str(pipeline_folder), "--layers", ",")
    assert (code, out) == (2, "") and "--layers is empty" in err
