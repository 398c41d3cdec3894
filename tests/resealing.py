"""A study whose every file is sealed anew as its own: what a stranger who knows the format can make."""

import shutil
from pathlib import Path

from underpainting.records import CHECKSUMS
from underpainting.study.study import open_study


def reseal(folder: Path) -> None:
    """Seal every file and folder of a study as it is, for the study that its record says it is."""
    study = open_study(folder)
    for seal in sorted(folder.rglob("*.sha256")):
        file = seal.with_suffix("")
        if file not in (study.prompts_file, study.environment_file):
            content = file.read_bytes()
            with study.sealing(file) as temporary:
                temporary.write_bytes(content)
    for listing in sorted(folder.rglob(CHECKSUMS)):
        home = listing.parent.rename(listing.parent.with_name(f"old {listing.parent.name}"))
        (home / CHECKSUMS).unlink()
        with study.atomic_folder(listing.parent) as temporary:
            shutil.copytree(home, temporary, dirs_exist_ok=True)
        shutil.rmtree(home)
