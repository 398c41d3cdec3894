"""The Ray actor of a worker. It travels whole, to machines that may have another underpainting, or none.

So nothing of ours is imported before that is known.
"""

from __future__ import annotations

import hashlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


class Actor:
    """A worker: it makes parts of a study with what it has loaded. Its answers are plain data.

    An answer's `failed` is a line about what went wrong; `memory` says that memory did not suffice.
    """

    def where(self) -> str:
        """The address of the machine."""
        import ray

        return str(ray.util.get_node_ip_address())

    def begin(self, job: Any, base: Any, threads: int) -> dict[str, Any]:
        """Load what the study names, with so many threads. base: config and pictures, as a parcel."""
        sys.path += [path for path in job["path"] if path not in sys.path]
        if os.path.isdir(job["here"]):
            os.chdir(job["here"])
        try:
            found = import_module("underpainting")
        except ImportError as error:
            return {
                "failed": f"{self.where()} has no underpainting ({error}); install {job['version']} there"
            }
        if (version := found.__version__) != job["version"]:
            return {
                "failed": f"{self.where()} has underpainting {version}, this machine {job['version']}; "
                "install the same on all"
            }
        if sources(Path(found.__path__[0])) != job["sources"]:
            return {
                "failed": f"{self.where()} has other code of underpainting {version} than this machine; "
                "install the same on all"
            }
        from underpainting.study.cluster.hand import Hand

        self._hand = Hand(job, self.where())
        return self._hand.begin(base, threads)

    def make(self, number: int, recipe: bytes, part: bytes, names: Any, parcels: Any) -> dict[str, Any]:
        """Make a part of that number. names: what it takes of the study's files; parcels: references to each,
        where the folder is not seen here.
        """
        return self._hand.make(number, recipe, part, names, parcels)

    def end(self) -> None:
        """Remove what was kept on this machine."""
        self._hand.end()


def sources(home: Path) -> str:
    """SHA-256 of the source files of a package, by its folder."""
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        contents = path.read_bytes()
        digest.update(f"{path.relative_to(home).as_posix()}\0{len(contents)}\0".encode())
        digest.update(contents)
    return digest.hexdigest()
