"""What the report says of interventions follows its numbers; pictures stand under their targets."""

import base64
import io
from dataclasses import replace

import numpy as np
from PIL import Image

from underpainting.findings.distances import Distance
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


def test_what_sdedit_does_better_and_what_the_edit_does_stands_in_a_sentence(contents: Contents) -> None:
    def done(condition: str, name: str, metric: str, mean: float, above: float) -> Done:
        ends = (mean - 0.03, mean + 0.03, above, above - 0.01, above + 0.01)
        return Done("saliency", condition, name, metric, 20, 3, mean, *ends)

    rows = (
        done("intervened", "saliency", "target", 0.75, np.nan),
        done("intervened", "", "background_change", 0.05, np.nan),
        done("intervened", "", "evaluations", 15, np.nan),
        done("sdedit", "saliency", "target", 0.8, -0.05),
        done("sdedit", "", "background_change", 0.09, -0.04),
        done("sdedit", "", "evaluations", 8, 7),
    )
    distances = {"intervened": Distance(0.02, 0.01, 0.03)}
    experiment = Experiment("saliency", Edit(), rows, {}, distances)
    (section,) = intervention_sections(replace(contents, experiments=(experiment,)))
    assert section["sentences"][-1] == (
        "The finished picture moved, noised and redone from half of the steps on (SDEdit) reaches 0.80 (the "
        "edit less that: \u22120.05, \u22120.06 to \u22120.04), and changes the background by 0.09 where the "
        "edit changes it by 0.05 (difference \u22120.04, \u22120.05 to \u22120.03)."
    )
    assert [*section["columns"]] == ["target", "background_change", "evaluations", "kernel"]
    edited, redone = section["rows"]
    assert edited["condition"] == "intervened" and edited["cells"][-1] == distances["intervened"]
    assert redone["cells"][-2].mean == 8 and np.isnan(redone["cells"][-1].mean)


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
