"""What tests of every kind may need."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Controls that the test registers are gone when it ends."""
    from underpainting.controls import registry

    for name in ("sources", "controls"):
        monkeypatch.setattr(registry._REGISTRY, name, dict(getattr(registry._REGISTRY, name)))
    yield
    registry._load_entry_points.cache_clear()
