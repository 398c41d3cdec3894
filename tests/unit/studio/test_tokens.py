"""The still life's tokenizer."""

from studio import tokens


def test_words_of_the_world_are_single_tokens_and_others_are_spelt_out() -> None:
    tokenizer = tokens.build()
    for word in tokens.world_words():
        assert len(tokenizer(word).input_ids) == 3, word
    assert len(tokenizer("zebra").input_ids) > 3
    assert tokenizer.decode(tokenizer("a blue mug").input_ids, skip_special_tokens=True) == "a blue mug"


def test_any_text_has_tokens_of_the_vocabulary() -> None:
    tokenizer = tokens.build()
    for text in ("", "\u017dlut\u00fd k\u016f\u0148", "\u00e9t\u00e9 \U0001f34b", "a" * 500):
        ids = tokenizer(text, truncation=True).input_ids
        assert len(ids) <= tokens.LENGTH and max(ids) < len(tokenizer)
