"""A hub on the disk, in place of the two calls that would go over the network; caches of one's own."""

import inspect
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub
import huggingface_hub.constants
import pytest
import torch
from huggingface_hub.errors import RepositoryNotFoundError


class LocalHub:
    """Repositories as folders, `KIND/OWNER/NAME`; calls: what was asked of it besides."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.calls: list[dict[str, Any]] = []
        self.real = huggingface_hub.HfApi, huggingface_hub.snapshot_download
        monkeypatch.setattr(huggingface_hub, "HfApi", self._api)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self._snapshot)

    def _api(self, token: Any = None) -> "LocalHub":
        return self

    def create_repo(self, repo_id: str, **options: Any) -> str:
        inspect.signature(self.real[0].create_repo).bind(None, repo_id, **options)
        repo_type, private, exist_ok = (options[name] for name in ("repo_type", "private", "exist_ok"))
        if (self.home / repo_type / repo_id).exists() and not exist_ok:
            raise FileExistsError(repo_id)
        (self.home / repo_type / repo_id).mkdir(parents=True, exist_ok=True)
        self.calls.append({"private": private})
        return f"hub:{repo_type}/{repo_id}"

    def upload_folder(self, **options: Any) -> None:
        inspect.signature(self.real[0].upload_folder).bind(None, **options)
        repo_id, repo_type, folder_path = (options[name] for name in ("repo_id", "repo_type", "folder_path"))
        for path in folder_path.rglob("*"):
            name = path.relative_to(folder_path).as_posix()
            if path.is_file() and not any(fnmatch(name, pattern) for pattern in options["ignore_patterns"]):
                target = self.home / repo_type / repo_id / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        self.calls.append({"message": options["commit_message"]})

    def _snapshot(
        self, repo_id: str, *, repo_type: str, allow_patterns: list[str] | None = None, **options: Any
    ) -> Any:
        inspect.signature(self.real[1]).bind(repo_id, repo_type=repo_type, **options)
        source = self.home / repo_type / repo_id
        self.calls.append(options)
        if not source.is_dir():
            raise RepositoryNotFoundError("404", response=_Response())  # type: ignore[arg-type]
        files = [path for path in source.rglob("*") if path.is_file()]
        if options.get("dry_run"):
            return [_Listed(path.relative_to(source).as_posix(), path.stat().st_size) for path in files]
        if (local := options.get("local_dir")) is None:
            return str(source)
        for path in files:
            name = path.relative_to(source).as_posix()
            allowed = allow_patterns is None or any(fnmatch(name, pattern) for pattern in allow_patterns)
            if allowed and not any(
                fnmatch(name, pattern) for pattern in options.get("ignore_patterns") or ()
            ):
                (Path(local) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, Path(local) / name, follow_symlinks=False)
        (Path(local) / ".cache" / "huggingface").mkdir(parents=True)
        return str(local)


class _Listed(NamedTuple):
    filename: str
    file_size: int


class _Response:
    status_code, headers, request = 404, {}, None


def move_caches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the hub's client and torch empty caches in a folder."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder / "torch"))


def cached(hub: Path, repository: str) -> Path:
    """The empty folder of a repository's files in a hub's cache, as the hub's client lays it out."""
    home, revision = hub / f"models--{repository.replace('/', '--')}", "0" * 40
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(revision)
    (home / "snapshots" / revision).mkdir(parents=True)
    return home / "snapshots" / revision
