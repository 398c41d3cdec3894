"""The README's example that prints runs as it stands and prints what the README says."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.slow
def test_the_example_prints_what_the_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")
    example = re.search(r"```python\n((?:(?!```).)*)```\s+prints `(.*?)`", text, flags=re.S)
    assert example, "the README has no example with what it prints"
    exec(example[1], {})
    assert capsys.readouterr().out.strip() == " ".join(example[2].split())
