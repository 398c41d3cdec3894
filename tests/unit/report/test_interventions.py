"""What the report says of interventions follows its numbers; pictures stand under their targets."""

import base64
import io
from dataclasses import replace

import numpy as np
from PIL import Image

from underpainting.findings.interventions import Done
from underpainting.intervention.edit import Edit
from underpainting.report.contents import Contents, Experiment
from underpainting.report.interventions import intervention_sections


def test_sentences_and_pictures_of_a_study(contents: Contents) -> None:
    (section,) = intervention_sections(contents)
    said = " ".join(section["sentences"])
    assert said.startswith("On 8 test pictures, 2 random targets each, the edit (the unedited picture's own")
    assert "strength 1.5, steps 1 to 8, all layers, conditional branch" in said
    assert "The best control, random direction, as large, reaches 0.4" in said and ", surely (" in said
    assert "same class in 100\u00a0% of them" in said and "finished picture itself would reach 0.9" in said
    assert [row["condition"] for row in section["rows"]] == [
        *("null", "intervened", "random", "late", "moved_picture")
    ]
    assert len(section["examples"]) == 2
    for example in section["examples"]:
        assert len(example["trials"]) == 3
        data = base64.b64decode(example["trials"][0]["target"].split(",")[1])
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (32, 32) and len(np.unique(np.asarray(image))) == 2


def test_a_control_as_good_is_said_to_be_so(contents: Contents) -> None:
    def done(condition: str, mean: float, above: float, half: float) -> Done:
        between = (mean - half, mean + half, above, above - half, above + half)
        return Done("depth", condition, "depth", "target", 20, 3, mean, *between)

    edit = Edit(
        kind="covariance",
        strength=5.0,
        last=3,
        layers=("up.3.0",),
        branches=("conditional", "unconditional"),
        properties=("depth",),
    )
    rows = (
        done("null", 0.5, 0.02, 0.01),
        done("intervened", 0.52, np.nan, 0.1),
        done("late", 0.53, -0.01, 0.05),
    )
    (section,) = intervention_sections(replace(contents, experiments=(Experiment("depth", edit, rows, {}),)))
    said = " ".join(section["sentences"])
    assert "up.3.0, conditional and unconditional branch" in said and "along how activations vary" in said
    assert "at the last steps, reaches 0.53" in said and "not surely" in said
    assert "same class" not in said and section["examples"] == []
