"""One prompt, a few wishes: `python -m benchmarks.wishes STUDY found.png` searches seeds for each, and draws
what was found on one sheet, a row a wish, beside the prompt's first seeds.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from underpainting.intervention.drawing import Page, outline
from underpainting.seeds.search import search
from underpainting.seeds.searched import Searched
from underpainting.seeds.wish import Wish
from underpainting.seeds.wording import parse_wish
from underpainting.study.study import open_study

PROMPT = "a blue mug on a wooden floor"
WISHES = ("left third", "box 0.45,0.4,0.95,0.95", "small")
AMONG, FINISH = 128, 4
WIDTH = 1000  # pixels, for a page


def main() -> None:
    """Search, draw, and print what each search took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    study = open_study(given.study)
    found = [search(study, PROMPT, [wish], seeds=range(AMONG), finish=FINISH) for wish in WISHES]
    first = search(study, PROMPT, [WISHES[0]], seeds=range(FINISH), finish=FINISH)
    drawn = Image.open(io.BytesIO(sheet([first, *found]))).convert("RGB")
    drawn.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    palette = drawn.quantize(256)
    drawn.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(given.out, optimize=True)
    for searched in found:
        print(f"{searched.asked['wish']}: {searched.cost.sentence}")


def sheet(found: list[Searched]) -> bytes:
    """A PNG, a row a search; the first is of seeds that were not chosen."""
    page = Page(len(found), FINISH, next(iter(found[0].pictures.values())).shape)
    for row, searched in enumerate(found):
        wish: Wish = parse_wish(searched.asked["wish"], lambda name: {})
        scores = ", ".join(f"{score:.2f}" for score in searched.scores.values())
        heading, lines = wish.words, [f"of seeds 0 to {AMONG - 1}", f"scores {scores}"]
        if row == 0:
            heading, lines = PROMPT, [f"seeds 0 to {FINISH - 1}, not chosen"]
        page.words(row, heading, lines)
        for column, picture in enumerate(searched.pictures.values()):
            axes = page.cell(row, column)
            axes.imshow(picture, interpolation="antialiased")
            if row and wish.outline is not None:
                side = picture.shape[0] // wish.outline.shape[0]
                outline(axes, np.kron(wish.outline.numpy() > 0.5, np.ones((side, side))).astype(np.float32))
    return page.png([""] * FINISH)


if __name__ == "__main__":
    main()
