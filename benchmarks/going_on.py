"""How far pictures that were stopped and go on are from never having stopped, by the size of their batch.

``python -m benchmarks.going_on`` prints a line a size, of the still life; no time is measured.
"""

import torch

from underpainting.diffusion import Model, load

THINGS = ("mug", "lemon", "car", "armchair")
PROMPTS = [f"a {colour} {thing}" for colour in ("blue", "red") for thing in THINGS]
SEEDS = range(len(PROMPTS))
PICKED = ([0], [3, 5], [0, 2, 4, 6], [7, 6, 5, 4, 3, 2, 1, 0])
SETTINGS = {"steps": 15, "guidance_scale": 3.0}
AFTER = 3


def main() -> None:
    """Stop eight pictures after three steps of fifteen, and let some go on."""
    model: Model = load("stilllife")
    whole = model.denoise(PROMPTS, SEEDS, **SETTINGS).latents
    paused = model.denoise(PROMPTS, SEEDS, stop_after=AFTER, **SETTINGS).paused
    assert paused is not None
    for rows in PICKED:
        prompts, seeds = [PROMPTS[i] for i in rows], [SEEDS[i] for i in rows]
        made = model.denoise(prompts, seeds, resume=paused.pick(rows), **SETTINGS).latents
        wanted = whole[rows]
        levels = [(model.decode(of) * 255).round() for of in (made, wanted)]
        apart = (levels[0] - levels[1]).abs()
        same = "the same bits" if torch.equal(made, wanted) else "other bits"
        latents, values = float((made - wanted).abs().max()), float((apart > 0).float().mean())
        print(
            f"{len(rows)} of {len(PROMPTS)}: {same}; latents differ by {latents:.1e} at most, "
            f"{values:.1e} of the pictures' values, by {float(apart.max()):g} of 255"
        )


if __name__ == "__main__":
    main()
