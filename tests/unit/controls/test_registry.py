"""Sources and controls: registered once, listed in one order, from this package and others."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from underpainting.controls import (
    Control,
    Line,
    Source,
    always,
    controls,
    defaults,
    register,
    registry,
    rivals,
    sources,
)
from underpainting.errors import UnderpaintingError

pytestmark = pytest.mark.usefixtures("own_registry")


class Toy(Control):
    """A control of a test."""

    key, cost = "toy", "nothing"
    sources = (Source("toy:one", "toy", "a toy"), Source("toy:two", "toy", "a toy", panel="networks"))


def test_a_key_is_registered_once() -> None:
    assert register(Toy()) is controls()["toy"]
    with pytest.raises(UnderpaintingError, match="control 'toy' is registered already"):
        register(Toy())


@pytest.mark.parametrize("taken", ["latents:noisy", "toy:one"])
def test_a_control_whose_source_is_taken_leaves_nothing_behind(taken: str) -> None:
    class Second(Toy):
        key = "second"
        sources = (Source("toy:one", "", ""), Source(taken, "", ""))

    before = controls(), sources()
    with pytest.raises(UnderpaintingError, match=f"source {taken!r} is registered already"):
        register(Second())
    assert (controls(), sources()) == before


def test_sources_stand_panel_by_panel_in_the_order_of_their_registering() -> None:
    register(Toy())
    panels = [source.panel for source in sources().values()]
    assert panels == sorted(panels, key=registry.PANELS.index)
    for panel in registry.PANELS:
        of_panel = [key for key, source in sources().items() if source.panel == panel]
        assert of_panel == [key for key in registry._REGISTRY.sources if key in of_panel]
    assert next(iter(sources())) == next(iter(rivals())) == "probe"
    assert all(key == source.key for key, source in sources().items())


def test_every_source_is_of_one_control_or_of_every_study() -> None:
    owned = Counter(source.key for control in controls().values() for source in control.sources)
    assert set(owned.values()) == {1}
    ours = {always.PROBE, always.UNCONDITIONAL, always.POSITION, always.SHUFFLED, always.CEILING}
    assert sources().keys() == owned.keys() | {source.key for source in ours}
    for control in controls().values():
        assert control.sources and control.cost
        for source in control.sources:
            assert sources()[source.key] is source and source.title and source.phrase


def test_no_two_sources_of_a_panel_are_drawn_alike() -> None:
    drawn = Counter((source.panel, source.line) for source in sources().values() if source.panel != "none")
    assert drawn.most_common(1)[0][1] == 1, drawn.most_common(3)


def test_defaults_are_the_controls_that_say_so() -> None:
    assert set(defaults()) == {"decoder", "estimator", "latents", "luminance"}

    class Used(Toy):
        default = True

    register(Used())
    assert defaults()[-1] == "toy"


def test_rivals_are_the_sources_that_are_asked_for_a_step() -> None:
    assert rivals().keys() == {key for key, source in sources().items() if source.is_rival}
    assert not {"position", "shuffled", "ceiling", "luminance"} & rivals().keys()


def test_a_control_by_itself_takes_part_in_nothing(tmp_path: Any) -> None:
    toy = Toy()
    assert toy.stand_ins(SimpleNamespace()) == () and toy.maps(SimpleNamespace()) == {}
    assert toy.opened(tmp_path) is toy and not toy.records_latents and not toy.default
    assert Source("x", "", "").line == Line()


def test_other_packages_controls_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def points(group: str) -> list[SimpleNamespace]:
        asked.append(group)
        return [SimpleNamespace(load=lambda: Toy)]

    monkeypatch.setattr(registry, "entry_points", points)
    registry._load_entry_points.cache_clear()
    assert list(controls())[-1] == "toy" and isinstance(controls()["toy"], Toy)
    assert {"toy:one", "toy:two"} <= sources().keys()
    assert asked == ["underpainting.controls"]  # once
