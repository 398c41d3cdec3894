"""Attention to the objects' words in a study of that control: ``python -m studio.words STUDY``.

It prints, as JSON, mean scores of saliency by source, metric and step (0: the same at all), over test
pictures, the mean average precision of the attention at step 8 by the object that the prompt names, and by
how many steps the probe is ahead of the attention at the common bar.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from underpainting import Study, load_classifier
from underpainting.observers.class_names import naming_words

SOURCES = ("words", "position", "probe")
STEP = 8


def main() -> None:
    """Reads the study's scores, prints."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("study", type=Path)
    study = Study.open(cli.parse_args().study)
    scores = study.scores()
    results = study.results()
    layer = results[results.property == "saliency"].layer.iloc[0]
    mine = scores[(scores.property == "saliency") & scores.source.isin(SOURCES)]
    mine = mine[(mine.layer == layer) | (mine.layer == "")]
    by_step = mine.groupby(["source", "metric", "step"]).value.mean()
    seen = mine[(mine.source == "words") & (mine.metric == "average_precision") & (mine.step == STEP)]
    classes = load_classifier("stilllife").classes
    objects = [naming_words(prompt, classes) for prompt in seen.prompt]
    by_object = seen.groupby(objects).value.mean().sort_values(ascending=False)
    leads = study.leads()
    found = {
        "layer": layer,
        "pictures": int(seen.image.nunique()),
        "by_step": by_step.reset_index(name="mean").to_dict("records"),
        "by_object": by_object.to_dict(),
        "lead": leads[(leads.property == "saliency") & (leads.source == "words")].to_dict("records"),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
