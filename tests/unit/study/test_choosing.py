"""Choosing from mean scores: strength, threshold, best layers; and the sets of probes made of it."""

import pytest
import torch

from tests.unit.study.places import DEPTH, SALIENCY, small_places
from underpainting.probes import THRESHOLDS, Probe
from underpainting.study.kept.choosing import (
    choose,
    choose_cuts,
    chosen_scores,
    probe_sets,
    scores_at_cuts,
    strengths_at_an_end,
)
from underpainting.study.kept.scores import Scores
from underpainting.study.places import Places
from underpainting.vocabulary import Place

PROPERTIES = (SALIENCY, DEPTH)


def drawn(layers: int, seed: int = 1) -> Scores:
    """Scores [picture, layer, step, branch, strength] of five pictures, two steps and three strengths."""
    generator = torch.Generator().manual_seed(seed)
    shape = (5, layers, 2, 1, 3)
    scores = {
        ("saliency", "average_precision"): torch.rand(shape, generator=generator, dtype=torch.float64),
        ("saliency", "curve"): torch.rand(*shape, len(THRESHOLDS), generator=generator),
        ("depth", "spearman"): torch.rand(shape, generator=generator, dtype=torch.float64),
        ("depth", "rmse"): torch.rand(shape, generator=generator, dtype=torch.float64),
    }
    scores["depth", "spearman"][2, 0] = torch.nan
    return scores


def means(scores: Scores) -> Scores:
    return {key: values.double().nanmean(0) for key, values in scores.items()}


def test_each_place_gets_its_own_best_strength_and_threshold() -> None:
    scores = drawn(layers=2)
    choices = choose(means(scores), PROPERTIES)
    chosen = chosen_scores(scores, choices)
    assert chosen.keys() == {
        ("saliency", "average_precision"),
        ("saliency", "dice"),
        ("depth", "spearman"),
        ("depth", "rmse"),
    }
    assert choices["depth"].cut is None
    for layer in range(2):
        for step in range(2):
            at = (slice(None), layer, step, 0)
            rank = scores["depth", "spearman"][at].nanmean(0)
            assert int(choices["depth"].strength[layer, step, 0]) == int(rank.argmax())
            assert float(choices["depth"].quality[layer, step, 0]) == pytest.approx(float(rank.max()))
            rmse = scores["depth", "rmse"][at][:, int(rank.argmax())]
            assert torch.equal(chosen["depth", "rmse"][at], rmse)
            best = int(scores["saliency", "average_precision"][at].mean(0).argmax())
            assert int(choices["saliency"].strength[layer, step, 0]) == best
            curve = scores["saliency", "curve"][at][:, best].double()
            assert choices["saliency"].cut is not None
            cut = int(choices["saliency"].cut[layer, step, 0])
            assert float(choices["saliency"].quality[layer, step, 0]) == pytest.approx(
                float(curve.mean(0)[cut])
            )
            assert torch.equal(chosen["saliency", "dice"][at].double(), curve[:, cut])


def test_thresholds_are_chosen_over_neighbouring_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    curve = torch.rand(3, 9, 2, 1, len(THRESHOLDS), generator=generator, dtype=torch.float64)
    precision = torch.ones(3, 9, 2, 1, dtype=torch.float64)
    scores = {("saliency", "curve"): curve, ("saliency", "average_precision"): precision}
    cut = choose(scores, (SALIENCY,))["saliency"].cut
    assert cut is not None
    for step in range(9):
        near = curve[:, max(0, step - 2) : step + 3, :, 0].mean(1)
        assert torch.equal(cut[:, step], near.argmax(-1))


def test_a_strength_at_an_end_is_told_where_it_gains() -> None:
    strengths, generator = (1e-7, 1e-6, 1e-5), torch.Generator().manual_seed(0)
    judge = torch.rand(4, 5, 1, 3, generator=generator, dtype=torch.float64) * 1e-3
    for gains, about in (
        (0.0, []),
        (0.01, ["depth: ridge strength 1e-07 is the best of those tried in 100%"]),
    ):
        judge[..., 0] = judge[..., 1:].max(-1).values + gains
        means = {("depth", "spearman"): judge}
        lines = strengths_at_an_end(means, choose(means, (DEPTH,)), (DEPTH,), strengths)
        assert [line.partition(" of the places")[0] for line in lines] == about
    judge[..., 2] = 1
    means = {("depth", "spearman"): judge}
    (line,) = strengths_at_an_end(means, choose(means, (DEPTH,)), (DEPTH,), strengths)
    assert "1e-05" in line and "try greater ones" in line


def test_the_first_of_equals_is_taken_and_what_has_no_score_is_not() -> None:
    shape = (1, 1, 1, 3)
    equal = choose({("depth", "spearman"): torch.full(shape, 0.5)}, (DEPTH,))
    assert equal["depth"].strength.tolist() == [[[0]]]
    none = choose(
        {("depth", "spearman"): torch.tensor([torch.nan, -0.5, torch.nan]).reshape(shape)}, (DEPTH,)
    )
    assert none["depth"].strength.tolist() == [[[1]]] and none["depth"].quality.tolist() == [[[-0.5]]]


def test_position_is_cut_where_its_mean_dice_is_best() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = {
        ("saliency", "curve"): torch.rand(5, 2, len(THRESHOLDS), generator=generator),
        ("depth", "spearman"): torch.rand(5, 2, generator=generator),
    }
    cuts = choose_cuts(means(scores), PROPERTIES)
    assert cuts.keys() == {"saliency"}
    at = scores_at_cuts(scores, cuts)
    assert at.keys() == {("saliency", "dice"), ("depth", "spearman")}
    assert torch.equal(at["depth", "spearman"], scores["depth", "spearman"])
    for layer in range(2):
        curve = scores["saliency", "curve"][:, layer]
        assert torch.equal(at["saliency", "dice"][:, layer], curve[:, int(curve.double().mean(0).argmax())])


def all_strengths(places: Places) -> dict[Place, Probe]:
    """Probes [strength, target, property] whose bias says which they are."""
    which = 100.0 * torch.arange(3)[:, None, None] + 10.0 * torch.arange(2)[:, None] + torch.arange(2.0)
    probes = {}
    for i, _, _, place in places:
        weight = torch.ones(places.layers[i].channels, 3, 2, 2)
        probes[place] = Probe(weight, which)
    return probes


def test_probe_sets_hold_the_chosen_of_each_target() -> None:
    places = small_places(branches=("conditional",))
    of_all, of_watched = len(places.layers), len(places.watched)
    choices = {
        "probe": choose(means(drawn(of_all, 2)), PROPERTIES),
        "shuffled": choose(means(drawn(of_watched, 3)), PROPERTIES),
    }
    strengths = (0.1, 1.0, 10.0)
    sets = probe_sets(all_strengths(places), choices, places, strengths, "model", {"fit": 3})
    assert [layer.name for layer in sets["probe"].layers] == ["a", "b", "c", "twice.2x2", "twice.2x3"]
    assert [layer.name for layer in sets["shuffled"].layers] == ["a", "b", "c"]
    for t, (target, probes) in enumerate(sets.items()):
        assert len(probes.entries) == 2 * len(probes.layers) * 2
        for i, step, b, place in places:
            for k, of in enumerate(PROPERTIES if i < len(probes.layers) else ()):
                choice, entry = choices[target][of.name], probes.entry(of.name, place)
                at = int(choice.strength[i, step, b])
                assert entry.strength == strengths[at]
                assert float(entry.probe.bias) == 100 * at + 10 * t + k
                cut = None if choice.cut is None else float(THRESHOLDS[choice.cut[i, step, b]])
                assert entry.threshold == cut


def test_best_layers_are_the_watched_ones_of_true_probes_in_the_main_branch() -> None:
    places = small_places()  # both branches
    quality = torch.zeros(5, 2, 2, 1, dtype=torch.float64)
    quality[3:] = 1  # what stands in is better everywhere, and is no layer
    quality[:3, :, 1] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]  # so is the other branch's first
    quality[:3, 0, 0] = torch.tensor([0.1, 0.2, 0.3])[:, None]
    quality[:3, 1, 0] = torch.tensor([0.1, torch.nan, 0.0])[:, None]
    scores = {("depth", "spearman"): quality}
    watched = {("depth", "spearman"): quality[:3]}
    choices = {"probe": choose(scores, (DEPTH,)), "shuffled": choose(watched, (DEPTH,))}
    places = Places(places.watched, 2, places.branches, (DEPTH,), places.stand_ins)
    probes = {
        place: Probe(torch.ones(places.layers[i].channels, 1, 2, 1), torch.zeros(1, 2, 1))
        for i, _, _, place in places
    }
    for probe_set in probe_sets(probes, choices, places, (1.0,), "model", {}).values():
        best = probe_set.best["depth"]
        assert (best.layer, best.metric, best.by_step) == ("a", "spearman", {1: "c", 2: "a"})
