"""Captions that tell where, how large, and whence the light."""

import numpy as np
import pytest
import torch

from studio import tokens
from studio.captions import SAID, WORDS, Told, caption, tell
from studio.compose import draw
from studio.scenes import Scenes
from studio.world import OBJECT, prompt


def one(left: int, right: int, light: tuple[float, float]) -> Scenes:
    """A scene whose object spans those columns of 256, and is less high than wide."""
    ids = torch.zeros(1, 256, 256, dtype=torch.uint8)
    ids[:, 100:120, left:right] = OBJECT + 1
    maps, none = torch.zeros(1, 128, 128), torch.zeros(1)
    lights = torch.tensor([[*light, 2.0]])
    return Scenes(ids, torch.zeros(1, 3, 8), maps, maps, none.long(), none, lights, none.long())


@pytest.mark.parametrize(
    ("left", "right", "light", "wanted"),
    [
        (0, 120, (3.0, 0.1), Told(-1, -1, "right")),
        (30, 230, (-3.0, 0.1), Told(1, 0, "left")),
        (96, 256, (0.1, 3.0), Told(0, 1, "back")),
        (48, 208, (0.1, -3.0), Told(0, 0, "front")),
    ],
)
def test_a_scene_tells_its_objects_place_and_size_and_its_light(left, right, light, wanted) -> None:
    assert tell(one(left, right, light)) == [wanted]


def test_a_mirrored_scene_tells_the_other_side() -> None:
    assert Told(1, -1, "left").mirrored() == Told(1, 1, "right")
    assert Told(-1, 0, "back").mirrored() == Told(-1, 0, "back")


def test_captions_say_each_clause_as_often_as_stated_and_prompts_none() -> None:
    rng = np.random.default_rng(0)
    drawn = draw("mug", rng, colour="red")
    said = [caption(drawn, Told(-1, 1, "back"), rng) for _ in range(600)]
    for clause in ("a small red mug", " at the right", " lit from the back"):
        assert np.mean([clause in text for text in said]) == pytest.approx(SAID, abs=0.08)
    told = {"small", "large", "left", "right", "middle", "lit", "back", "from"}
    silent = [prompt("mug", "red", drawn.floor, drawn.wall, rng) for _ in range(100)]
    assert not told & set(" ".join(silent).split())


def test_the_longest_caption_fits_and_its_words_are_single_tokens() -> None:
    tokenizer = tokens.build()
    longest = "a small purple armchair on a checkered floor in front of a striped wall"
    assert len(tokenizer(f"{longest} in the middle lit from the back").input_ids) <= tokens.LENGTH
    for word in WORDS:
        assert len(tokenizer(word).input_ids) == 3, word


def test_words_of_captions_alone_come_after_all_others() -> None:
    tokenizer = tokens.build()
    last = max(tokenizer(word).input_ids[1] for word in tokens.world_words())
    added = set(WORDS) - set(tokens.world_words())
    assert min(tokenizer(word).input_ids[1] for word in added) > tokenizer.eos_token_id > last
