"""Weights that observers need: where they are looked for, and how to get them. Nothing is ever downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from underpainting.errors import UnderpaintingError


@dataclass(frozen=True)
class Checkpoint:
    """Weights on the Hugging Face hub: whose, where, how large (bytes), under which licence."""

    observer: str
    repository: str
    size: int
    licence: str

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"hf download {self.repository}"


@dataclass(frozen=True)
class TorchFile:
    """Weights in one file, where torch keeps those of its hub: whose, from where, how large (bytes), under
    which licence.
    """

    observer: str
    address: str
    size: int
    licence: str

    @property
    def path(self) -> Path:
        """Where the file is looked for."""
        from torch.hub import get_dir

        return Path(get_dir()) / "checkpoints" / self.address.rpartition("/")[2]

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"curl -L --create-dirs -o {self.path} {self.address}"

    def require(self, path: Path | None = None) -> Path:
        """The file, or another of the same kind. Raises UnderpaintingError where it is not there."""
        path = path or self.path
        if not path.is_file():
            raise UnderpaintingError(
                f"no weights of {self.observer!r} at {path}: fetch them ({self.size / 1e6:.0f} MB, "
                f"{self.licence}) by `{self.command}`"
            )
        return path


def find(repository: str) -> Path | None:
    """The folder that holds a repository of the hub in its cache, or None."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def hub_cache(repository: str) -> Path:
    """Where the hub's cache keeps a repository, whether it does or not."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def of_hub(checkpoint: Checkpoint) -> Path:
    """As `find`. Raises UnderpaintingError where there is none, with the command that gets it."""
    folder = find(checkpoint.repository)
    if folder is None:
        raise UnderpaintingError(
            f"no weights of {checkpoint.observer!r} ({checkpoint.repository}) in the hub's cache: fetch them "
            f"({checkpoint.size / 1e9:.1f} GB, {checkpoint.licence}) by `{checkpoint.command}`"
        )
    return folder


@contextmanager
def loading(source: Checkpoint | Path) -> Iterator[tuple[str, Path]]:
    """The name and the folder of an estimator of the hub, or of one that was saved, while it is loaded.

    Raises UnderpaintingError where it is missing, or whatever goes wrong in loading it.
    """
    folder = source if isinstance(source, Path) else of_hub(source)
    name = source.name if isinstance(source, Path) else source.observer
    try:
        yield name, folder
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise UnderpaintingError(f"estimator {name!r} in {folder} cannot be loaded: {reason}") from None
