"""The example that prints runs as it stands and prints what its page says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.slow
def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    example = re.search(r"```python\n((?:(?!```).)*)```\s+prints `(.*?)`", text, flags=re.S)
    assert example, "the page has no example with what it prints"
    exec(example[1], {})
    assert capsys.readouterr().out.strip() == " ".join(example[2].split())
