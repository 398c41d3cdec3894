"""Steps and their intervals as they are said."""

from underpainting.vocabulary import first_step, from_step, no_name, step_interval


def test_a_step_is_said_as_what_it_is() -> None:
    assert from_step(4, 15) == "from step 4"
    assert from_step(15, 15) == "only at the last step, 15"
    assert from_step(None, 15) == "not by the last step"
    assert (first_step(4), first_step(None)) == ("4", "not reached")


def test_an_interval_of_steps_never_says_never() -> None:
    assert step_interval(4, 7) == "4 to 7"
    assert step_interval(14, None) == "14 or later"
    assert step_interval(None, None) == ""


def test_the_first_that_is_no_name_is_told() -> None:
    assert no_name(["depth", "left edge", "\u6df1\u3055", "up.3.0", "x@16x16x320", "latents:noisy"]) is None
    assert no_name(["depth", "../x", "/y"]) == "'../x'"
    for wrong in (
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "<b>",
        'x"',
        "a\n",
        "\x00",
        "$x$",
        "-x",
        "=1",
        "x" * 201,
        None,
        7,
    ):
        assert no_name([wrong]) == repr(wrong)
