"""Progress on a terminal's one line, and as lines of a log."""

import pytest
from diffusers.utils import logging
from rich.console import Console

from tests.terminal import Seen
from underpainting.cli._screen import table
from underpainting.errors import Stopped, UnderpaintingError
from underpainting.progress import Progress
from underpainting.screen import Bar, Lines, progress, wanted_progress


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    shown = Lines(clock)
    shown.start(240)
    clock.now += 60  # loading
    assert capsys.readouterr().err == ""
    shown.phase("fit pictures")
    for _ in range(480):  # two pictures and a half a minute, in steps
        clock.now += 2.5
        shown.advance(0.25)
    shown.note("a picture is set aside")
    shown.phase("test pictures")
    for _ in range(480):
        clock.now += 2.5
        shown.advance(0.25)
    shown.phase("writing the report")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "underpainting: fit pictures: 0 of 240 pictures, 0 %"
    assert said[1] == "underpainting: fit pictures: 1 of 240 pictures, 0 %, 40 min left"
    middle = said.index("underpainting: a picture is set aside")
    assert said[middle + 1] == "underpainting: test pictures: 120 of 240 pictures, 50 %"
    assert said[middle + 2] == "underpainting: test pictures: 121 of 240 pictures, 50 %, 20 min left"
    assert said[-1] == "underpainting: writing the report"
    assert 40 < len(said) < 60 and len(set(said)) == len(said)  # of forty minutes


def test_pictures_made_before_and_time_spent_loading_tell_nothing_of_the_pace() -> None:
    clock = Clock()
    shown = Lines(clock)
    shown.start(100, 80)
    clock.now += 500
    shown.phase("test pictures")
    assert shown.seconds_left is None
    clock.now += 10
    shown.advance(5)
    assert shown.seconds_left == pytest.approx(30)
    clock.now += 12
    assert shown.seconds_left == pytest.approx(18)
    shown.advance(40)  # pictures that are made again are not counted beyond the total
    assert (shown.share, shown.seconds_left) == (1, None)


def test_a_phase_tells_no_time_before_it_has_a_pace() -> None:
    """What comes between, and how fast other pictures were made, tell nothing of it."""
    clock = Clock()
    shown = Lines(clock)
    shown.start(70)
    shown.phase("fit pictures")
    clock.now += 52
    shown.advance(52)
    shown.phase("choosing probes")
    clock.now += 60
    assert shown.count() == "52 of 70 pictures, 74 %"
    shown.phase("test pictures")
    assert shown.count() == "52 of 70 pictures, 74 %"
    clock.now += 10
    shown.advance(1)
    assert shown.count() == "53 of 70 pictures, 76 %, 3 min left"


def test_parts_of_pictures_add_up() -> None:
    shown = Lines(Clock())
    shown.start(240)
    for _ in range(240 * 15):
        shown.advance(1 / 15)
    assert shown.count() == "240 of 240 pictures, 100 %"


def drawn(columns: int) -> str:
    """The line of 57 pictures of 1240, on a terminal of so many columns."""
    console = Console(width=columns, force_terminal=True, color_system=None, _environ={})
    clock = Clock()
    bar = Bar(console, clock)
    bar.start(1240)
    bar.phase("choosing an edit of saliency")
    clock.now += 57
    bar.advance(57)
    with console.capture() as said:
        console.print(bar.drawn())
    return said.get()


def test_one_line_at_any_width() -> None:
    assert drawn(100).split("━")[0] == "choosing an edit of… "
    assert drawn(100).endswith(" 57 of 1240 pictures, 5 %, 20 min left\n")
    assert drawn(40) == "choosing a…   57/1240 5 % 20 min left\n"
    for columns in range(30, 140):
        assert drawn(columns).count("\n") == 1 and len(drawn(columns)) < columns


def test_a_caller_that_wants_no_progress_sees_nothing_of_libraries_either(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logging.enable_progress_bar()
    own = Progress()
    with wanted_progress(own) as given:
        assert given is own
    with wanted_progress(False) as silent:
        silent.start(2)
        silent.note("nothing that is seen")
        list(logging.tqdm(range(3)))
    assert capfd.readouterr() == ("", "")


def test_stopping_says_what_becomes_of_it() -> None:
    with pytest.raises(Stopped, match="the same command goes on"), progress("the same command goes on"):
        raise KeyboardInterrupt


def test_a_table_that_is_too_wide_is_several(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ["property", "layer", "score", "strongest control", "pictures"]
    rows = [["saliency", "up.3.0", 0.85, "0.769 position alone", 57], ["depth", "up.2.2", 0.79, "-", 57]]
    table(columns, rows, keys=2)
    wide = capsys.readouterr().out
    assert [line.rstrip() for line in wide.splitlines()] == [
        "property  layer   score  strongest control     pictures",
        "saliency  up.3.0  0.850  0.769 position alone        57",
        "depth     up.2.2  0.790  -                           57",
    ]
    for terminal in (54, 40, 20):
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(terminal))
        table(columns, rows, keys=2)
        screen = Seen(capsys.readouterr().out.replace("\n", "\r\n"), 200, 0).screen
        assert {word for line in screen for word in line.split()} == set(wide.split())
        fits = max(map(len, screen)) <= terminal
        assert fits == (terminal > 38)  # the keys and one column are never parted


@pytest.mark.parametrize(
    "word", ["[bold]x[/bold]", "[red", "\x1b]0;title\x07", "\x1b[2J", "a\x9bb", "\u202eright"]
)
def test_a_word_of_a_stranger_steers_no_terminal(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells, notes and errors show a word's letters, and obey nothing in it."""
    table(["name", word], [[word, 1.0]])
    Lines().note(word)
    error = str(UnderpaintingError(word))
    shown = capsys.readouterr()
    for text in (shown.out, shown.err, error):
        assert text.replace("\n", "").isprintable()
        assert all(part in text for part in word.split("\x1b") if part.isprintable())
