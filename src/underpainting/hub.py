"""Folders to and from the Hugging Face hub, in its own conventions: names, tokens, revisions, cache.

Nothing else of the package speaks to the network (the rule is stated in docs/network.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from underpainting.errors import UnderpaintingError, reason

Kind = Literal["model", "dataset"]
HIDDEN = (".*", "*/.*")
"""Names that are never uploaded: what a killed run left, and the hub's own cache."""


def upload(
    folder: Path,
    repository: str,
    kind: Kind,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    message: str,
    without: Sequence[str] = (),
) -> str:
    """Make a repository if it is not there, put a folder's files in it as one commit; returns its address.

    without: patterns of paths that are left out. Raises UnderpaintingError where the hub refuses or is not
    reached.
    """
    from huggingface_hub import HfApi

    with _speaking(repository, "uploaded to"):
        api = HfApi(token=token)
        address = str(api.create_repo(repository, repo_type=kind, private=private, exist_ok=True))
        api.upload_folder(
            repo_id=repository,
            repo_type=kind,
            folder_path=folder,
            commit_message=message,
            ignore_patterns=[*HIDDEN, *without],
        )
    return address


def sizes(repository: str, kind: Kind, *, revision: str | None = None) -> dict[str, int]:
    """Bytes of a repository's files, by path; nothing of them is fetched. Raises as `fetch`."""
    from huggingface_hub import snapshot_download

    with _speaking(repository, "fetched from"):
        files = snapshot_download(repository, repo_type=kind, revision=revision, dry_run=True)
        return {file.filename: file.file_size or 0 for file in files}


def fetch(repository: str, kind: Kind, *, only: Sequence[str] | None = None, **options: Any) -> Path:
    """A folder with a repository's files, from the hub's cache or fetched.

    only: patterns of the files that are wanted. options: those of `huggingface_hub.snapshot_download`, such
    as revision, token, cache_dir, local_dir, local_files_only. Raises UnderpaintingError where there is no
    such repository, or the hub is not reached.
    """
    from huggingface_hub import snapshot_download

    patterns = None if only is None else list(only)
    with _speaking(repository, "fetched from"):
        return Path(snapshot_download(repository, repo_type=kind, allow_patterns=patterns, **options))


@contextmanager
def _speaking(repository: str, done: str) -> Iterator[None]:
    """Say in one line what the hub refused."""
    from huggingface_hub import errors

    try:
        yield
    except (OSError, ValueError, getattr(errors, "HTTPError", OSError)) as error:
        unreached = isinstance(error, errors.DryRunError | errors.LocalEntryNotFoundError)
        why = (error.__cause__ if unreached else None) or error
        raise UnderpaintingError(
            f"{repository} cannot be {done} the hub ({reason(why)}); check name and network, or log in by "
            "`hf auth login`"
        ) from error
