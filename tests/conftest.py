"""What tests of every kind may need."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from underpainting import threads

THREADS = torch.get_num_threads()
settings.register_profile("same", derandomize=True, deadline=None)  # every run tries the same, at its pace
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _forget_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module that a test imports from a temporary folder is gone when the test ends."""
    before = set(sys.modules)
    yield
    temporary = tmp_path_factory.getbasetemp()
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and temporary in Path(file).parents:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """Threads that a test, or a command that it calls, computes with are not those of the tests after it."""
    yield
    threads.ask_for(None)
    if torch.get_num_threads() != THREADS:
        torch.set_num_threads(THREADS)


@pytest.fixture(autouse=True, scope="session")
def _state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests make the program remember stays out of this user's state folder; it is one day for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("SOURCE_DATE_EPOCH", "1790000000")
        yield


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Controls that the test registers are gone when it ends."""
    from underpainting.controls import registry

    for name in ("sources", "controls"):
        monkeypatch.setattr(registry._REGISTRY, name, dict(getattr(registry._REGISTRY, name)))
    yield
    registry._load_entry_points.cache_clear()
