"""Links that lead out of docs/ lead to a page of the site, or to the repository."""

import pytest

from website.links import BLOB, RAW, to_site

MOVED = {"CONTRIBUTING.md": "contributing.md", "src/card/README.md": "stilllife.md"}


@pytest.mark.parametrize(
    ("page", "link", "led"),
    [
        ("docs/a.md", "b.md", "b.md"),
        ("docs/a.md", "b.md#part", "b.md#part"),
        ("docs/a.md", "errors/c.md", "errors/c.md"),
        ("docs/errors/c.md", "../a.md#x", "../a.md#x"),
        ("docs/a.md", "#here", "#here"),
        ("docs/a.md", "../src/card/README.md", "stilllife.md"),
        ("docs/errors/c.md", "../../CONTRIBUTING.md", "../contributing.md"),
        ("docs/a.md", "../studio/items.py", f"{BLOB}studio/items.py"),
        ("CONTRIBUTING.md", "studio/README.md#every", f"{BLOB}studio/README.md#every"),
        ("CONTRIBUTING.md", "docs/a.md", "a.md"),
        ("src/card/README.md", f"{BLOB}docs/a.md#x", "a.md#x"),
        ("src/card/README.md", f"{RAW}docs/a.png", "a.png"),
        ("src/card/README.md", f"{BLOB}LICENSE", f"{BLOB}LICENSE"),
        ("docs/a.md", "https://arxiv.org/abs/2306.05720", "https://arxiv.org/abs/2306.05720"),
    ],
)
def test_where_a_link_leads(page: str, link: str, led: str) -> None:
    assert to_site(f"See [it]({link}).", page, MOVED) == f"See [it]({led})."


def test_named_links_and_pictures_are_led_too() -> None:
    named = f"[seen]: {RAW}docs/a.png\n[card]: {BLOB}src/card/README.md#size\n"
    led = to_site(
        f"![A picture][seen] of [it][card].\n\n{named}", "README.md", {**MOVED, "README.md": "index.md"}
    )
    assert led == "![A picture][seen] of [it][card].\n\n[seen]: a.png\n[card]: stilllife.md#size\n"
