"""What the library costs beside the bare pipeline, and what a disturbed study comes to."""

from __future__ import annotations

from benchmarks.workers import COLUMNS
from studio.tables.cells import number, table
from studio.tables.files import answer, printed

MEASURED = (
    ("all 16 layers watched, over the bare pipeline", "overhead", {"watch_ratio": 3}),
    (
        "moments of three properties, their shuffled twins and the latents in all layers and steps, over the "
        "bare pipeline",
        "overhead",
        {"fit_ratio": 3},
    ),
    ("all metrics of a test picture, over its generation", "scoring", {"scoring_share": 2}),
    (
        "the published procedure's time over ours, all layers, steps and three properties; extrapolated from "
        "two blocks and three steps",
        "published",
        {"published_speedup": 0},
    ),
    (
        "our probes less the published ones, same labels, thresholds calibrated for both: Dice, rank",
        "published",
        {"published_dice_difference": 3, "published_rank_difference": 3},
    ),
    ("peak memory with 1,000 pictures over that with 100", "memory", {"memory_growth": 2}),
    (
        "two worker processes of one thread over one, 240 pictures in batches of six, start-up and report "
        "included: here, by Ray",
        "workers",
        {"two_workers_speedup": 2, "two_ray_workers_speedup": 2},
    ),
    (
        "an edit in closed form over 128 iterations of Adam, on 64 x 64 tokens of 320 channels and on the "
        "still life's largest grid",
        "edits",
        {"edit_speedup_64x64x320": 0, "edit_speedup": 0},
    ),
    (
        "Dice with the target of edits in closed form less by gradient, same 16 pictures, decoder layers, "
        "steps 1 to 5",
        "edits",
        {"edit_dice_difference": 3},
    ),
    (
        "moments of 4 x 64 x 64 tokens of 320 channels, their operations a second over those of a square "
        "matrix product on the same processor",
        "moments",
        {"moments_peak_share": 2},
    ),
    (
        "four million score rows to emergence with intervals and leads, seconds",
        "tables",
        {"tables_seconds": 1},
    ),
    ("`underpainting demo`, 240 pictures, from start to report, seconds", "demo", {"demo_seconds": 0}),
)
OF_THE_PAGE = (
    ("seconds from the request to the first step's readings", {"page_first_seconds": 2}),
    ("a picture of 15 steps with all probes, scores and labels, over `denoise` alone", {"page_ratio": 2}),
    (
        "seconds from the request of an edit to its first step, of a picture that is remembered",
        {"page_edit_first_seconds": 2},
    ),
)


def measured() -> str:
    """All that `python -m benchmarks` measures of speed and memory, with the script of each."""
    return table(
        ("what", "measured", "figure", "script"),
        [(what, *_told(figures), f"`{script}`") for what, script, figures in MEASURED],
    )


def workers() -> str:
    """The seconds of a study's phases with one worker process, two, and two of a Ray cluster."""
    ways = printed("benchmarks", "workers", COLUMNS)
    times = zip(COLUMNS[1:], *(times for _, *times in ways), strict=True)
    rows = [("all" if name == "s" else name, *(number(float(of), 1) for of in each)) for name, *each in times]
    return table(("seconds", "one", "two", "two by Ray"), rows)


def page() -> str:
    """The live page's speed."""
    return table(("what", "measured", "figure"), [(what, *_told(figures)) for what, figures in OF_THE_PAGE])


def machine() -> str:
    """The machine that these were measured on, in a sentence."""
    facts = answer("benchmarks", "benchmarks.json")
    return (
        f"Measured on {facts['cores']} cores ({facts['processor']}), with torch {facts['torch']} and "
        f"diffusers {facts['diffusers']}.\n"
    )


def faults() -> str:
    """What a study came to that was disturbed in each way."""
    head = ("fault", "times", "outcome")
    return table(head, printed("faults", " benchmarks.faults", head))


def _told(figures: dict[str, int]) -> tuple[str, str]:
    found = answer("benchmarks", "benchmarks.json")
    names = ", ".join(f"`{name}`" for name in figures)
    signed = [name.endswith("difference") for name in figures]
    values = [
        number(found[name], digits, sign)
        for (name, digits), sign in zip(figures.items(), signed, strict=True)
    ]
    return ", ".join(values), names
