"""Every module has a test of its own name, or CONTRIBUTING says which covers it; none is long."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src" / "underpainting", ROOT / "tests"
MODULES = {
    path.relative_to(SOURCE).with_suffix("").as_posix(): path
    for path in SOURCE.rglob("*.py")
    if path.name != "__init__.py"
}


def covered() -> dict[str, str]:
    """The test of each module that has none of its own name, as CONTRIBUTING says."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("| modules | their test |")[1]
    rows = [line.split("|") for line in table.split("\n\n")[0].splitlines()[2:]]
    return {
        module: re.findall(r"`(.+?)`", row[2])[0] for row in rows for module in re.findall(r"`(.+?)`", row[1])
    }


def test_every_module_has_its_test() -> None:
    own = {path.stem for path in TESTS.rglob("test_*.py")}
    without = {name for name, path in MODULES.items() if f"test_{path.stem.lstrip('_')}" not in own}
    assert without == covered().keys()
    assert all((ROOT / test).is_file() for test in covered().values())


def test_no_module_is_long() -> None:
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= 300 for path in MODULES.values())
