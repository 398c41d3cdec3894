"""What `python -m studio.figures` makes once, what it makes again, and what it does after a kill."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.exceptions import TyperException
from typer.main import get_command

from studio import figures
from studio.figures import MADE, MISSING, OLD, OTHER, Figures, commands, main
from studio.items import ITEMS, STUDIES, Item, Study
from underpainting.cli import command_line

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json, pathlib, sys
ran = pathlib.Path("ran.txt")
ran.write_text((ran.read_text() if ran.exists() else "") + " ".join(sys.argv[1:]) + chr(10))
name, out = sys.argv[1], pathlib.Path(sys.argv[2])
if pathlib.Path("broken").exists() and name == "second":
    sys.exit(3)
out.parent.mkdir(parents=True, exist_ok=True)
if out.suffix == ".toml":
    (out.parent / "report").mkdir(exist_ok=True)
    (out.parent / "report" / "index.html").touch()
out.write_text(json.dumps({"of": name}))
print(json.dumps([name]) if name != "second" else "a line" + chr(10) + "another")
"""
FIRST = Item(
    "first",
    "page",
    0.1,
    ("python tell.py first OUT/a.json", "python tell.py first OUT/b.csv"),
    studies=("own",),
    files=("OUT/a.json", "OUT/b.csv"),
)
SECOND = Item(
    "second", "page", 0.2, ("python tell.py second OUT/c.csv",), files=("OUT/c.csv",), bundled=False
)
THIRD = Item("third", "page", 0.3, ("python tell.py third OUT/d.csv",), studies=("like it",))


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tell.py").write_text(SCRIPT)
    monkeypatch.setitem(STUDIES, "own", Study(("python tell.py study WORK/own/study.toml",)))
    monkeypatch.setitem(STUDIES, "like it", Study(copy_of="own"))
    monkeypatch.setitem(figures.PROGRAMS, "python", [sys.executable])
    monkeypatch.setattr(figures, "fingerprint", lambda: "a" * 64)


def ran() -> list[str]:
    return [line.split()[0] for line in Path("ran.txt").read_text().splitlines()]


def states(*items: Item) -> list[str]:
    return [Figures().state(item) for item in items]


def test_what_is_there_is_not_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    items = (FIRST, SECOND, THIRD)
    main(["--list"], items)
    assert not Path("figures").exists() and "0.6 hours are left" in capsys.readouterr().out
    main([], items)
    assert ran() == ["study", "first", "first", "second", "third"]  # the copied study is not made anew
    noted = json.loads(Path("figures/first.json").read_text())
    assert noted["weights"] == "a" * 64 and noted["commands"] == commands(FIRST)
    assert noted["answers"] == {
        FIRST.commands[0]: ["first"],
        FIRST.commands[1]: ["first"],
        "a.json": {"of": "first"},
    }
    assert set(noted["files"]) == {"first-b.csv"} and Path("figures/first-b.csv").exists()
    told = json.loads(Path("figures/second.json").read_text())["answers"]
    assert told == {SECOND.commands[0]: ["a line", "another"]}
    main([], items)
    assert len(ran()) == 5
    assert "0.0 hours are left" in capsys.readouterr().out.splitlines()[-1]


def test_other_weights_commands_and_files_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    main([], (FIRST, SECOND))
    assert states(FIRST, SECOND) == [MADE, MADE]
    changed = Item("first", "page", 0.1, (*FIRST.commands, "python tell.py more OUT/m.csv"), FIRST.studies)
    assert states(changed) == [OTHER]
    monkeypatch.setattr(figures, "fingerprint", lambda: "b" * 64)
    assert states(FIRST, SECOND) == [OLD, MADE]  # the second is not of the bundled weights
    main(["--only", "first"], (FIRST, SECOND))
    assert states(FIRST, SECOND) == [MADE, MADE] and ran().count("study") == 2
    Path("figures/first-b.csv").write_text("changed")
    Path("figures/second-c.csv").unlink()
    assert states(FIRST, SECOND) == [MISSING, MISSING]


def test_what_fails_is_said_at_the_end_and_tried_again() -> None:
    Path("broken").touch()
    with pytest.raises(SystemExit, match=r"second is not made.*exit status 3"):
        main([], (SECOND, FIRST))
    assert states(SECOND, FIRST) == [MISSING, MADE]
    Path("broken").unlink()
    main([], (SECOND, FIRST))
    assert ran() == ["second", "study", "first", "first", "second"]


def test_killed_at_any_moment_it_goes_on_with_what_was_not_done(tmp_path: Path) -> None:
    Path("wait.py").write_text("import pathlib, time\npathlib.Path('here').touch()\ntime.sleep(60)\n")
    slow = Item("slow", "page", 1, ("python wait.py",))
    code = (
        "import sys\nfrom studio import figures\nfrom studio.items import Item\n"
        "figures.PROGRAMS['python'], figures.fingerprint = [sys.executable], lambda: 'a' * 64\n"
        f"figures.main([], ({SECOND!r}, {slow!r}))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    started = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
    until = time.monotonic() + 60
    while not (tmp_path / "here").exists():
        assert time.monotonic() < until and started.poll() is None
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert states(SECOND, slow) == [MADE, MISSING]
    Path("wait.py").write_text("print('done')\n")
    main([], (SECOND, slow))
    assert ran() == ["second"] and states(slow) == [MADE]


def test_every_command_can_be_given_and_pages_are_there() -> None:
    known = get_command(command_line()).commands  # type: ignore[attr-defined]
    assert len({item.name for item in ITEMS}) == len(ITEMS)
    for item in ITEMS:
        assert set(item.studies) <= set(STUDIES)
        for line in commands(item):
            program, *words = shlex.split(line)
            if program == "python":
                module = ROOT / words[1].replace(".", "/")
                assert words[0] == "-m" and (module.is_dir() or module.with_suffix(".py").exists()), line
                continue
            assert program == "underpainting"
            try:
                known[words[0]].make_context(words[0], words[1:])
            except TyperException as error:
                raise AssertionError(f"{line}: {error.format_message()}") from None
        for page in [word.strip(":;,") for word in item.feeds.split() if word.startswith("docs/")]:
            assert (ROOT / page).exists(), page
