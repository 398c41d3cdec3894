"""Puts what ``studio.gpu`` made in its place, then measures it.

``python -m studio.unpack RESULT`` replaces the bundled pipeline, estimator and classifier and the logs of
their training, then runs ``studio.evaluate``; with ``--out FOLDER``, everything goes there.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from studio import evaluate
from studio.parcel import join
from studio.training import LOGS
from underpainting import stilllife

PARTS = ("pipeline", "estimator", "classifier")


def place(result: Path, out: Path, logs: Path) -> None:
    """Replaces PARTS in ``out`` and the folders of ``logs`` by those of a result of `studio.gpu`."""
    with TemporaryDirectory() as name:
        made = Path(name)
        join(result, made)
        moves = [(made / part, out / part) for part in PARTS]
        moves += [(log, logs / log.name) for log in sorted((made / "logs").glob("*"))]
        for source, target in moves:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)


def main() -> None:
    """Unpacks, measures."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("result", type=Path)
    cli.add_argument("--out", type=Path, help="the bundled still life unless given")
    cli.add_argument("--pictures", type=int, default=1000, help="that studio.evaluate makes")
    args = cli.parse_args()
    out = args.out or stilllife.folder()
    place(args.result, out, args.out / "logs" if args.out else LOGS)
    figures = args.out / "evaluation.json" if args.out else evaluate.OUT
    evaluate.main(["--folder", str(out), "--pictures", str(args.pictures), "--out", str(figures)])


if __name__ == "__main__":
    main()
