"""What `studio.figures` makes, in its order: each item's commands, what they leave, and where it is shown.

In a command, ``WORK`` is the folder that studies are in, ``OUT`` one of the item's own.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTROLS = "latents,decoder,estimator,luminance,network,permuted,fresh,permuted-own,fresh-own,prompt"
SPLIT = "--set split.fit=.26 --set split.calibrate=.08 --set split.test=.66"
SHOWN = "demo overhead scoring tables published memory workers moments edits page"
CLASSES = "lemon,orange,mug,bottle,armchair,table,lamp,cone,house,car"


@dataclass(frozen=True)
class Item:
    """Figures that are made together: what the ``commands`` print, and the ``files`` that they leave.

    ``hours`` are those of two idle cores, its studies' included where it is the first to need them;
    ``studies`` have to be there. ``bundled``: made with the bundled weights, so that it is to be made again
    with others.
    """

    name: str
    feeds: str
    hours: float
    commands: tuple[str, ...]
    studies: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    bundled: bool = True


@dataclass(frozen=True)
class Study:
    """A study in ``WORK``: the commands that make it or go on with it, or the study that it is a copy of."""

    commands: tuple[str, ...] = ()
    copy_of: str = ""


def initiated(name: str, settings: str) -> tuple[str, ...]:
    """The commands of a study that is made and run."""
    return (f"underpainting init WORK/{name} {settings}", f"underpainting run WORK/{name}")


STUDIES = {
    "demo": Study(("underpainting demo WORK/demo",)),
    "full": Study(
        (
            "python -m studio.prompts --count 470 --seed 2 --out WORK/prompts.csv",
            "underpainting init WORK/full --prompts WORK/prompts.csv --guidance-scale 3"
            " --classifier stilllife --branches conditional,unconditional --set controls.share=1"
            f" --controls {CONTROLS} {SPLIT}",
            "underpainting run WORK/full --workers 2",
        )
    ),
    "attention": Study(initiated("attention", "--prompts stilllife --controls latents")),
    "stream": Study(initiated("stream", "--prompts stilllife --controls latents --layers blocks")),
    "words": Study(
        initiated(
            "words",
            "--prompts stilllife --limit 60 --guidance-scale 3 --classifier stilllife --layers up.2.1,up.3.0"
            " --controls words --set split.fit=0.4 --set split.test=0.45 --set controls.share=0",
        )
    ),
    "through-probes": Study(copy_of="demo"),
}
REPORTED = "WORK/full/report/figures"
MOVED = "WORK/demo/interventions/saliency"

ITEMS = (
    Item(
        "evaluation",
        "card: Measured",
        0.3,
        ("python -m studio.evaluate --pictures 1000 --out OUT/evaluation.json --sheet OUT/sheet.png",),
        files=("OUT/evaluation.json", "OUT/sheet.png"),
    ),
    Item(
        "demo",
        "README: Try it; docs/demo.md; docs/findings/emergence.md: The demo",
        0.1,
        ("underpainting demo WORK/demo --json", "underpainting report WORK/demo --figures"),
        studies=("demo",),
        files=tuple(f"WORK/demo/report/figures/{name}.csv" for name in ("scores", "emergence", "leads")),
    ),
    Item(
        "gallery",
        "README: gallery.png",
        0.01,
        ("python -m studio.gallery WORK/demo/report/index.html OUT/gallery.png --step 5",),
        studies=("demo",),
        files=("OUT/gallery.png",),
    ),
    Item(
        "screens",
        "README: Move an object; docs/page.md: What one sees",
        0.05,
        ("python -m studio.screens WORK/demo OUT/",),
        studies=("demo",),
        files=tuple(f"OUT/page-{name}.webp" for name in ("watch", "drag", "moved", "seeds", "phone")),
    ),
    Item(
        "full",
        "docs/findings/emergence.md: A study of 304 test pictures",
        0.6,
        ("underpainting report WORK/full --figures",),
        studies=("full",),
        files=tuple(
            f"{REPORTED}/{name}.csv"
            for name in ("scores", "emergence", "leads", "against", "accuracy", "recognised", "calibration")
        ),
    ),
    Item(
        "classify",
        "docs/findings/recognition.md",
        0.01,
        ("underpainting classify WORK/full --json",),
        studies=("full",),
    ),
    Item(
        "growth",
        "card: growth-*.png, from studio/scores",
        0.02,
        ("underpainting report WORK/full --figures --growth studio/scores",),
        studies=("full",),
        files=tuple(
            f"{REPORTED}/growth-{name}.{kind}"
            for name in ("saliency", "depth", "shading")
            for kind in ("png", "csv")
        ),
    ),
    Item(
        "truth",
        "docs/findings/emergence.md: Truth",
        0.06,
        ("python -m studio.truth WORK/full --out OUT/truth.json",),
        studies=("full",),
        files=("OUT/truth.json",),
    ),
    Item(
        "nonlinear",
        "docs/findings/emergence.md: More than linear, more than one layer",
        0.04,
        ("underpainting nonlinear WORK/full --pictures 100 --json",),
        studies=("full",),
    ),
    Item(
        "transfer",
        "docs/findings/emergence.md: Other pictures than those fitted on",
        0.2,
        (
            "python -m studio.prompts --held-out --out WORK/heldout.csv",
            f"underpainting transfer WORK/full --leave-out {CLASSES} --prompts WORK/heldout.csv"
            " --empty-prompt --json",
        ),
        studies=("full",),
    ),
    Item(
        "stream",
        "docs/findings/emergence.md: The residual stream beside self-attention",
        0.15,
        tuple(
            f"underpainting compare WORK/attention WORK/stream --step {step} --json" for step in (1, 3, 8, 15)
        ),
        studies=("attention", "stream"),
    ),
    Item(
        "words",
        "docs/findings/words.md",
        0.02,
        ("python -m studio.words WORK/words",),
        studies=("words",),
    ),
    Item(
        "experiment",
        "README: Move an object; docs/findings/interventions.md: its first two sections",
        0.25,
        (
            "underpainting experiment WORK/demo --pictures 24 --trials 2 --json",
            "underpainting report WORK/demo --figures",
        ),
        studies=("demo",),
        files=(
            "WORK/demo/report/figures/interventions-saliency.png",
            "WORK/demo/report/figures/interventions-saliency.csv",
            f"{MOVED}/choice.json",
            f"{MOVED}/distances.json",
        ),
    ),
    Item(
        "erase",
        "docs/findings/interventions.md: What carries the layout",
        0.2,
        ("underpainting erase WORK/demo --pictures 48 --fit-pictures 64 --json",),
        studies=("demo",),
    ),
    Item(
        "vary",
        "docs/findings/interventions.md: Dose, steps and layers",
        0.15,
        ("underpainting experiment WORK/demo --vary --pictures 40 --trials 1 --json",),
        studies=("demo",),
    ),
    Item(
        "through-probes",
        "docs/findings/interventions.md: Through the probes alone",
        0.1,
        (
            "underpainting experiment WORK/through-probes --edit covariance --strength 2.5 --steps 1-8"
            " --pictures 24 --trials 2 --json",
        ),
        studies=("through-probes",),
    ),
    Item(
        "depth-and-shading",
        "docs/findings/interventions.md: Depth and shading",
        0.3,
        tuple(
            f"underpainting experiment WORK/demo --aim {aim} --pictures 24 --trials 2 --json"
            for aim in ("depth", "shading")
        ),
        studies=("demo",),
    ),
    Item(
        "seeds",
        "docs/findings/seeds.md: all but Is a search worth it?",
        0.15,
        (
            "underpainting variance WORK/demo --prompts 12 --seeds 12 --json",
            "underpainting shorten WORK/demo --json",
            "python -m benchmarks.wishes WORK/demo OUT/seeds.png",
            "python -m benchmarks.fixed_noise WORK/demo",
            "python -m benchmarks.going_on",
        ),
        studies=("demo",),
        files=("OUT/seeds.png", "WORK/demo/seeds/shorten-cfbd74913732.png"),  # named by what was asked
    ),
    Item(
        "regret",
        "docs/findings/seeds.md: Is a search worth it?",
        1.0,
        ("python -m benchmarks.regret WORK/demo --folder WORK/regret --figure",),
        studies=("demo",),
        files=("WORK/regret/regret.json", "WORK/regret/regret.png"),
    ),
    Item(
        "doubts",
        "card: Measured, size and copies",
        0.3,
        ("python -m studio.doubts --work WORK/doubts --out OUT/doubts.json --sheet OUT/copies.png",),
        files=("OUT/doubts.json", "OUT/copies.png"),
    ),
    Item(
        "benchmarks",
        "docs/speed.md; docs/page.md: Speed; README: the demo's time",
        0.8,
        (f"python -m benchmarks {SHOWN} --out OUT/benchmarks.json",),
        files=("OUT/benchmarks.json",),
    ),
    Item(
        "levels",
        "docs/statistics.md",
        0.1,
        ("python -m benchmarks.levels --out OUT/levels.json",),
        files=("OUT/levels.json",),
        bundled=False,
    ),
    Item(
        "sizes",
        "docs/models.md: At Stable Diffusion's own size",
        0.1,
        ("python -m benchmarks.sd_size", "python -m benchmarks.flux_size"),
        bundled=False,
    ),
    Item(
        "gpu",
        "docs/models.md: On a GPU, which it needs",
        0.1,
        ("python -m benchmarks.gpu",),
        bundled=False,
    ),
    Item(
        "timeline",
        "docs/scale.md",
        0.01,
        ("python -m benchmarks.timeline --rate 0.76",),
        bundled=False,
    ),
    Item(
        "photograph",
        "docs/photograph.md",
        0.02,
        (
            "python -m studio.photograph OUT/coffee.png",
            "underpainting look WORK/demo OUT/coffee.png --out OUT/look.png",
            "underpainting classify OUT/coffee.png --out OUT/classification",
        ),
        studies=("demo",),
        files=("OUT/look.png",),
    ),
    Item("faults", "docs/faults.md", 0.4, ("python -m benchmarks.faults",), bundled=False),
    Item(
        "position",
        "card: World",
        0.01,
        ("python -m studio.render --position",),
        bundled=False,
    ),
)
