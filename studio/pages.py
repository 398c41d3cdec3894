"""Puts the tables and pictures of ``figures/`` where pages show them: ``python -m studio.pages``.

A table stands in its page between ``<!-- figures: NAME -->`` and ``<!-- end -->``; what is between is written
anew, by the function of that name in `studio.tables`. PICTURES are copied. With ``--check`` nothing is
written, and what is not as in ``figures/`` ends the command with 1.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from studio.tables import TABLES
from studio.tables.files import FIGURES

SCREENS = ("watch", "drag", "moved", "seeds", "phone")
FINDINGS = ("emergence", "recognition", "words", "interventions", "seeds")
PAGES = (
    "README.md",
    "docs/demo.md",
    "docs/faults.md",
    "docs/models.md",
    "docs/page.md",
    "docs/photograph.md",
    "docs/scale.md",
    "docs/speed.md",
    "docs/statistics.md",
    *(f"docs/findings/{name}.md" for name in FINDINGS),
)
PICTURES = {
    "docs/gallery.png": "gallery.png",
    "docs/interventions.png": "experiment-interventions-saliency.png",
    **{f"docs/growth-{name}.png": f"growth-{name}.png" for name in ("saliency", "depth", "shading")},
    "docs/seeds.png": "seeds.png",
    "docs/photograph-look.png": "photograph-look.png",
    "docs/regret.png": "regret.png",
    "docs/shorten.png": "seeds-shorten-cfbd74913732.png",
    **{f"docs/page-{name}.webp": f"screens-page-{name}.webp" for name in SCREENS},
}
MARKED = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", flags=re.S)


def filled(text: str) -> str:
    """A page's text with its tables as the files have them. Raises KeyError for a table of no such name."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def alike(one: Path, other: Path) -> bool:
    """Whether two files hold the same."""
    return one.exists() and one.read_bytes() == other.read_bytes()


def main(arguments: list[str] | None = None) -> None:
    """Writes the pages, or says which are not as the files."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--check", action="store_true", help="write nothing")
    args = cli.parse_args(arguments)
    others = [name for name, file in PICTURES.items() if not alike(FIGURES.parent / name, FIGURES / file)]
    for name in [] if args.check else others:
        shutil.copyfile(FIGURES / PICTURES[name], FIGURES.parent / name)
    for name in PAGES:
        page = FIGURES.parent / name
        text = page.read_text(encoding="utf-8")
        if filled(text) != text:
            others.append(name)
            if not args.check:
                page.write_text(filled(text), encoding="utf-8")
    said = "not as figures/ has it" if args.check else "written"
    for name in others:
        print(f"{name}: {said}")
    if others and args.check:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
