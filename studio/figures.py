"""Makes every number and picture that README, the model's card and docs show: ``python -m studio.figures``.

First it says what there is to make, for what, and how many hours it takes; ``--list`` says no more than
that. Each item of `studio.items` is made by the commands that stand beside its figures in the docs, and
kept in ``figures/``: ``NAME.json`` has what they printed, the tables that they wrote as JSON, and with
what they were made (commands, seconds, the fingerprint of the bundled weights); other files have names
that begin with it. What is there with these weights and commands is not made again. Studies are in
``build/figures``, a folder for each fingerprint, and go on where they were stopped.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.bundled import fingerprint
from studio.items import ITEMS, STUDIES, Item, Study
from underpainting.readers import sha256_file
from underpainting.records import replacing, write_json

FIGURES, BUILD = Path("figures"), Path("build") / "figures"
MADE, MISSING, OLD, OTHER = "made", "missing", "of other weights", "by other commands"
PROGRAMS = {"python": [sys.executable], "underpainting": [sys.executable, "-m", "underpainting.cli"]}


class Figures:
    """The folder that items are kept in, and the one that they are made in with the present weights."""

    def __init__(self, out: Path = FIGURES, build: Path = BUILD) -> None:
        """Folders are made as they are needed."""
        self.out, self.weights = out, fingerprint()
        self.work = build / self.weights[:12]

    def record(self, item: Item) -> dict[str, Any]:
        """What is noted of an item; nothing where it was never made."""
        path = self.out / f"{item.name}.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def state(self, item: Item) -> str:
        """MADE, MISSING (it or one of its files), OLD or OTHER."""
        noted = self.record(item)
        if not noted or not all(
            (self.out / name).exists() and sha256_file(self.out / name) == digest
            for name, digest in noted["files"].items()
        ):
            return MISSING
        if item.bundled and noted["weights"] != self.weights:
            return OLD
        return MADE if noted["commands"] == commands(item) else OTHER

    def make(self, item: Item) -> None:
        """Makes an item and the studies that it needs; its record is written last.

        Raises CalledProcessError where a command fails, FileNotFoundError where it leaves no such file.
        """
        began, own = time.monotonic(), self.work / "items" / item.name
        for folder in (own, self.out):
            folder.mkdir(parents=True, exist_ok=True)
        for name in item.studies:
            self.ensure(name)
        printed: dict[str, Any] = {command: answer(self.run(command, own, True)) for command in item.commands}
        files = {}
        for file in item.files:
            source = self.place(file, own)
            if source.suffix == ".json":
                printed[source.name] = json.loads(source.read_text(encoding="utf-8"))
            else:
                named = source.name.startswith(item.name)
                copy = self.out / (source.name if named else f"{item.name}-{source.name}")
                shutil.copyfile(source, copy)
                files[copy.name] = sha256_file(copy)
        noted = {
            "weights": self.weights,
            "commands": commands(item),
            "seconds": round(time.monotonic() - began, 1),
            "files": files,
            "answers": printed,
        }
        with replacing(self.out / f"{item.name}.json") as temporary:
            write_json(temporary, noted)

    def ensure(self, name: str) -> None:
        """Makes a study, or goes on with it, unless its report is there."""
        study, folder = STUDIES[name], self.work / name
        if (folder / "report" / "index.html").exists():
            return
        self.work.mkdir(parents=True, exist_ok=True)
        if study.copy_of:
            self.ensure(study.copy_of)
            part = self.work / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(self.work / study.copy_of, part, ignore=shutil.ignore_patterns("interventions"))
            part.rename(folder)
        for command in remaining(study, folder):
            self.run(command, folder)

    def run(self, command: str, own: Path, kept: bool = False) -> str:
        """Runs one command; what it printed, if that is to be kept."""
        program, *words = shlex.split(command)
        line = [*PROGRAMS[program]]
        line += [str(self.place(word, own)) if word.startswith(("WORK/", "OUT/")) else word for word in words]
        print(f"  {command}", flush=True)
        ran = subprocess.run(line, check=True, text=True, stdout=subprocess.PIPE if kept else None)
        return ran.stdout or ""

    def place(self, path: str, own: Path) -> Path:
        """A path that begins with WORK or OUT."""
        first, _, rest = path.partition("/")
        return {"WORK": self.work, "OUT": own}[first] / rest


def commands(item: Item) -> list[str]:
    """All that is run for an item, with its studies'."""
    names = dict.fromkeys(name for study in item.studies for name in (STUDIES[study].copy_of, study) if name)
    return [*(line for name in names for line in STUDIES[name].commands), *item.commands]


def remaining(study: Study, folder: Path) -> Sequence[str]:
    """A study's commands; where its folder was made already, without the one that makes it."""
    there = (folder / "study.toml").exists()
    return [line for line in study.commands if not (there and line.startswith("underpainting init "))]


def answer(printed: str) -> Any:
    """What a command printed: JSON if it is, else its lines."""
    try:
        return json.loads(printed)
    except json.JSONDecodeError:
        return printed.splitlines()


def table(figures: Figures, items: Sequence[Item]) -> str:
    """What there is to make: name, hours, state, what it feeds, and the hours that are left."""
    states = [figures.state(item) for item in items]
    lines = [
        f"{item.name:18s} {item.hours:5.2f} h  {state:18s} {item.feeds}"
        for item, state in zip(items, states, strict=True)
    ]
    left = sum(item.hours for item, state in zip(items, states, strict=True) if state != MADE)
    return "\n".join([*lines, f"{left:.1f} hours are left"])


def main(arguments: list[str] | None = None, items: Sequence[Item] = ITEMS) -> None:
    """Says what there is to make and makes it, one after the other; ends with 1 where something failed."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--list", action="store_true", help="say what there is to make, and make nothing")
    cli.add_argument("--only", choices=[item.name for item in items], action="append", help="may be repeated")
    args = cli.parse_args(arguments)
    wanted = [item for item in items if not args.only or item.name in args.only]
    figures, failed = Figures(), []
    print(table(figures, wanted), flush=True)
    for item in [] if args.list else wanted:
        if figures.state(item) != MADE:
            print(f"{item.name}:", flush=True)
            try:
                figures.make(item)
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                failed.append(f"{item.name} is not made: {error}")
            except KeyboardInterrupt:
                raise SystemExit("stopped: the same command goes on from here") from None
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
