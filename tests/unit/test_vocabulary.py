"""Steps and their intervals as they are said."""

from underpainting.vocabulary import first_step, from_step, step_interval


def test_a_step_is_said_as_what_it_is() -> None:
    assert from_step(4, 15) == "from step 4"
    assert from_step(15, 15) == "only at the last step, 15"
    assert from_step(None, 15) == "not by the last step"
    assert (first_step(4), first_step(None)) == ("4", "not reached")


def test_an_interval_of_steps_never_says_never() -> None:
    assert step_interval(4, 7) == "4 to 7"
    assert step_interval(14, None) == "14 or later"
    assert step_interval(None, None) == ""
