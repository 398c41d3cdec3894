"""Links of the README and the docs lead somewhere, and the README names every command."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
# Pages that are read outside the repository too (on the package's page) link by address.
PROJECT = "https://github.com/underpainting/underpainting/"
OUTSIDE = ("README.md", "src/underpainting/stilllife/README.md")
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "docs/errors", "studio", "src/underpainting/stilllife")
    for path in (ROOT / folder).glob("*.md")
)


def prose(path: Path) -> str:
    """A page's text without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def links(path: Path) -> list[str]:
    """Targets of a page's links and pictures, both `[words](target)` and `[name]: target`."""
    found = re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", prose(path), flags=re.M)
    return [inline or named for inline, named in found]


def anchors(path: Path) -> set[str]:
    """The names that a page's headings have as link targets on the project's page."""
    headings = re.findall(r"^#+ (.+)$", prose(path), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for link in links(page):
        address, _, anchor = link.partition("#")
        within = re.fullmatch(rf"{PROJECT}(?:blob|raw)/main/(.+)", address)
        if within:
            target = ROOT / within[1]
        elif urlsplit(address).scheme:
            continue
        else:
            assert not address or name not in OUTSIDE, f"{name}: {link} leads nowhere outside the repository"
            target = page.parent / address if address else page
        assert target.exists(), f"{name}: {link} is not there"
        assert not anchor or anchor in anchors(target), f"{name}: {link} has no such heading"


def test_every_page_is_in_the_index_of_the_docs() -> None:
    for folder in (ROOT / "docs", ROOT / "docs" / "errors"):
        pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
        assert pages <= set(links(folder / "README.md"))


def test_the_readme_names_every_command() -> None:
    from typer.main import get_command

    from underpainting.cli import command_line

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"underpainting ([a-z-]+)", readme))
    assert set(get_command(command_line()).commands) <= named  # type: ignore[attr-defined]
