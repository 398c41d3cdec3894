"""The photograph of docs/photograph.md: ``python -m studio.photograph FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from skimage import data, io


def main(arguments: list[str] | None = None) -> None:
    """Writes the cup of coffee that comes with scikit-image."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("file", type=Path, help="picture to write")
    io.imsave(cli.parse_args(arguments).file, data.coffee())


if __name__ == "__main__":
    main()
