"""The first sentence of a page, without its marks."""

import pytest

from website.llms import first_sentence


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("# T\n\nOne [thing](a.md) is\nso. Two is not.", "One thing is so."),
        ("# T\n\n```\nrun me. Now.\n```\n\nThen this, e.g. that. More.", "Then this, e.g. that."),
        ("# T\n\n| a | b |\n| - | - |\n\nAfter it.", "After it."),
        ("# T", ""),
    ],
)
def test_first_sentences(page: str, sentence: str) -> None:
    assert first_sentence(page) == sentence
