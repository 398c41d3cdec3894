"""What is kept of a batch while it is made, against the same by hand."""

import torch

from tests.unit.study.places import record, small_labels, small_places
from underpainting.probes import Probe, cell_means
from underpainting.study.kept.totals import empty_totals
from underpainting.study.recorders import Held, Latents, Pooled, Readings
from underpainting.vocabulary import Place


def test_held_activations_are_summed_with_own_and_shuffled_labels() -> None:
    places, labels = small_places(), small_labels()
    held, totals = Held(places), empty_totals(places)
    for step in (1, 2):
        seen = record(places, step)
        held.look(seen)
        for branches in seen.activations.values():
            for x in branches.values():
                x.zero_()  # what a record shows is the model's own, and may be written to
    held.add_to(totals, labels)
    for i, _, _, place in places:
        x = record(places, place.step).activations[place.layer][place.branch].double()
        grid = places.layers[i].grid
        own = torch.stack([cell_means(labels[name], grid) for name in ("saliency", "depth")], dim=-1)
        y = torch.cat([own, own[[2, 0, 1]]], dim=-1).double()
        x_rest, y_rest = x.flatten(0, 1), y.flatten(0, 1)
        x_rest, y_rest = x_rest - x_rest.mean(0), y_rest - y_rest.mean(0)
        torch.testing.assert_close(totals.moments[place].sxy, x_rest.T @ y_rest, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(totals.tokens[place].mean, x.mean(0), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(totals.labels[grid].mean, own.double().mean(0), rtol=1e-5, atol=1e-6)


def test_readings_are_the_probes_products() -> None:
    places = small_places()
    generator = torch.Generator().manual_seed(0)
    probes = {}
    for i, _, _, place in places:
        outputs = (2, 3) if i < len(places.watched) else (3,)
        weight = torch.randn(places.layers[i].channels, *outputs, generator=generator)
        probes[place] = Probe(weight, torch.randn(outputs, generator=generator))
    readings = Readings(places, probes, 3)
    for step in (2, 1):
        readings.look(record(places, step))
    for layer in places.layers:
        read = readings.maps[layer.name]
        outputs = (2, 3) if layer in places.watched else (3,)
        assert read.shape == (3, 2, 2, *outputs, layer.tokens)
        for step in (1, 2):
            for b, branch in enumerate(places.branches):
                x = record(places, step).activations[layer.name][branch]
                probe = probes[Place(layer.name, step, branch)]
                expected = torch.tensordot(x, probe.weight, dims=1) + probe.bias
                torch.testing.assert_close(read[:, step - 1, b], expected.movedim(1, -1))


def test_pooled_activations_are_means_over_tokens_of_the_watched_layers() -> None:
    places = small_places()
    pooled = Pooled(places)
    for step in (1, 2):
        pooled.look(record(places, step))
    assert list(pooled.by_layer) == ["a", "b", "c"]
    kept = pooled.of(1, "image")
    assert set(kept) == {"image/a", "image/b", "image/c"}
    for layer in places.watched:
        assert kept[f"image/{layer.name}"].shape == (2, 2, layer.channels)
        for step in (1, 2):
            for b, branch in enumerate(places.branches):
                mean = record(places, step).activations[layer.name][branch].mean(1)
                torch.testing.assert_close(pooled.by_layer[layer.name][:, step - 1, b], mean.half())
                assert torch.equal(kept[f"image/{layer.name}"][step - 1, b], mean[1].half())


def test_latents_are_kept_at_unit_scale() -> None:
    places, latents = small_places(), Latents()
    for step in (1, 2):
        latents.look(record(places, step))
    kept = latents.of(2)
    assert kept.shape == (2, 2, 4, 8, 8)
    for step in (1, 2):
        seen = record(places, step)
        torch.testing.assert_close(kept[0, step - 1], seen.latents[2] / 2)  # by the record's scale
        assert torch.equal(kept[1, step - 1], seen.predicted_clean[2])
