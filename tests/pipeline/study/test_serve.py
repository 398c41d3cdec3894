"""The page over a study that is done: true pictures and readings, edits that are interventions, limits."""

import asyncio
import base64
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import numpy as np
import pytest
import schemathesis
import torch
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray
from PIL import Image
from schemathesis import GenerationMode

from tests.event_loop import finished
from underpainting.api import Study
from underpainting.intervention.kept import paint_again, read_own
from underpainting.page import jobs, making, state
from underpainting.page.guard import Access
from underpainting.page.making import Desk
from underpainting.page.opening import opened
from underpainting.page.server import serving
from underpainting.progress import Progress
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place

PROMPT = "a thing number 3"
FUZZED = 12  # requests an endpoint
Events = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def app(acted_on: StudyFolder) -> FastAPI:
    return opened(acted_on.folder, None, Progress())(Access("127.0.0.1"))


@pytest.fixture(scope="module")
def page(app: FastAPI) -> Iterator[httpx2.Client]:
    with serving(app) as address, httpx2.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def desk(app: FastAPI, page: httpx2.Client) -> Desk:
    desk: Desk = app.state.page.desk
    return desk


def parsed(stream: str) -> Events:
    parts = [
        dict(line.split(": ", 1) for line in part.split("\n"))
        for part in stream.split("\n\n")
        if part[:2] == "id"
    ]
    assert [int(part["id"]) for part in parts] == list(
        range(int(parts[0]["id"]), int(parts[0]["id"]) + len(parts))
    )
    return [(part["event"], json.loads(part["data"])) for part in parts]


def events(page: httpx2.Client, path: str, body: dict[str, Any]) -> Events:
    job = page.post(path, json=body)
    assert job.status_code == 202, job.text
    told = parsed(page.get(job.json()["events"]).text)
    assert page.get(f"/api/jobs/{job.json()['job']}").json()["events"] == len(told)
    return told


def of_kind(told: Events, kind: str) -> list[dict[str, Any]]:
    return [data for name, data in told if name == kind]


def picture_of(address: str) -> NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def values(sent: dict[str, Any]) -> NDArray[np.float64]:
    shares = np.frombuffer(base64.b64decode(sent["data"]), np.uint8) / 255
    return sent["low"] + shares * (sent["high"] - sent["low"])


def test_a_picture_is_the_pipelines_own_and_readings_are_the_probes(page: httpx2.Client, desk: Desk) -> None:
    told = events(page, "/api/pictures", {"prompt": PROMPT, "seed": 103})
    kinds = [kind for kind, _ in told if kind not in ("queued", "frames")]
    assert kinds == ["begun", "step", "step", "step", "finished", "end"]
    model, config = desk.served.model, desk.served.study.config.model
    seen: list[dict[str, torch.Tensor]] = []
    made = model.denoise(
        [PROMPT],
        [103],
        steps=config.steps,
        guidance_scale=config.guidance_scale,
        watch=desk.served.layers,
        on_step=lambda record: seen.append(
            {layer: of["conditional"][0].clone() for layer, of in record.activations.items()}
        ),
    )
    final = (model.decode(made.latents)[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    assert np.array_equal(picture_of(of_kind(told, "finished")[0]["picture"]), final)
    for step, (data, activations) in enumerate(zip(of_kind(told, "step"), seen, strict=True), start=1):
        assert (data["step"], data["probe_step"]) == (step, step)
        for name in ("saliency", "depth", "shading"):
            for layer, x in activations.items():
                entry = desk.served.painter.probes.entry(name, Place(layer, step, "conditional"))
                read = x.numpy() @ entry.probe.weight.numpy() + float(entry.probe.bias)
                sent = data["maps"][name][layer]
                assert np.abs(values(sent) - read).max() <= (sent["high"] - sent["low"]) / 255


def test_scores_and_thresholds_are_the_studys(page: httpx2.Client, acted_on: StudyFolder) -> None:
    study = Study.open(acted_on.folder)
    row = next(row for row, split in zip(study.rows, study.splits, strict=True) if split == "test")
    told = of_kind(events(page, "/api/pictures", {"prompt": row.prompt, "seed": row.seed}), "finished")[0]
    table = study.scores()
    own = table[
        (table["image"] == row.image) & (table["source"] == "probe") & (table["branch"] == "conditional")
    ]
    for name, metric in (("saliency", "dice"), ("depth", "spearman")):
        kept = own[(own["property"] == name) & (own["metric"] == metric)].set_index(["layer", "step"])[
            "value"
        ]
        for layer, scores in told["scores"][name].items():
            for step, score in enumerate(scores, start=1):
                assert score == pytest.approx(kept[layer, step], abs=0.02)
    about = page.get("/api/about").json()
    means = table[(table["source"] == "probe") & (table["branch"] == "conditional")]
    means = means[means["metric"] == "dice"].groupby(["layer", "step"])["value"].mean()
    assert about["scores"]["saliency"]["mid.0"] == pytest.approx(list(means["mid.0"]), abs=1e-3)
    entry = study.probes.entry("saliency", Place("mid.0", 2, "conditional"))
    assert about["thresholds"]["saliency"]["mid.0"][1] == entry.threshold
    assert [layer["name"] for layer in about["layers"]] == list(about["scores"]["saliency"])


def test_decoded_steps_follow_and_are_what_the_decoder_makes(page: httpx2.Client, desk: Desk) -> None:
    told = events(page, "/api/pictures", {"prompt": PROMPT, "seed": 4})
    kept = desk.pictures.get((PROMPT, 4, 3, 7.5))
    assert kept is not None
    for look in ("clean", "noisy"):
        shown = [
            address
            for data in of_kind(told, "frames")
            if data["look"] == look
            for address in data["pictures"]
        ]
        assert len(shown) == 3
        for address, latents in zip(shown, kept.film[look], strict=True):
            true = desk.served.model.decode(latents[None])[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255
            assert (
                np.abs(picture_of(address).mean((0, 1)) - true.mean((0, 1))).max() < 12
            )  # WebP loses a little


def test_what_was_made_is_told_again_and_not_made_again(
    page: httpx2.Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"prompt": PROMPT, "seed": 5}
    first = events(page, "/api/pictures", body)
    monkeypatch.setattr(making, "_made", None)
    again = events(page, "/api/pictures", body)
    plain = [(kind, data) for kind, data in first if kind not in ("queued", "begun")]
    assert [(kind, data) for kind, data in again if kind not in ("queued", "begun")] == plain


def test_who_comes_back_gets_what_he_missed_and_then_nothing(page: httpx2.Client) -> None:
    job = page.post("/api/pictures", json={"prompt": PROMPT, "seed": 6}).json()
    whole = page.get(job["events"]).text
    missed = page.get(job["events"], headers={"Last-Event-ID": "3"}).text
    assert whole.endswith(missed) and missed.startswith("id: 4\n")
    last = page.get(f"/api/jobs/{job['job']}").json()["events"] - 1
    assert page.get(job["events"], headers={"Last-Event-ID": str(last)}).status_code == 204
    assert page.get(job["events"], headers={"Last-Event-ID": "x"}).status_code == 422


def test_other_steps_are_read_by_the_nearest_level(page: httpx2.Client, desk: Desk) -> None:
    told = events(page, "/api/pictures", {"prompt": PROMPT, "seed": 7, "steps": 7, "guidance_scale": 1})
    steps = of_kind(told, "step")
    assert [data["step"] for data in steps] == list(range(1, 8))
    for data in steps:
        apart = np.abs(np.log(desk.served.sigmas.numpy()) - np.log(data["sigma"]))
        assert data["probe_step"] == apart.argmin() + 1
    assert {data["probe_step"] for data in steps} == {1, 2, 3}


def test_an_edit_is_the_intervention_and_its_export_is_replayed(
    page: httpx2.Client, desk: Desk, done: StudyFolder, tmp_path: Path
) -> None:
    told = events(
        page, "/api/edits", {"prompt": PROMPT, "seed": 8, "move": [0.25, -0.25], "edit": {"last": 2}}
    )
    finished = of_kind(told, "finished")[0]
    made = Study.open(done.folder).intervene(PROMPT, 8, move=(0.25, -0.25), edit={"last": 2}, progress=False)
    assert np.array_equal(picture_of(finished["picture"]), made.after.picture.numpy())
    assert np.array_equal(picture_of(finished["before"]["picture"]), made.before.picture.numpy())
    before, after = made.scores["saliency", "target"]
    assert finished["agreement"]["saliency"] == {"before": before, "after": after}
    target = of_kind(told, "target")[0]["maps"]["saliency"]
    assert np.array_equal(values(target).reshape(target["size"]), made.target["saliency"].numpy())
    zipfile.ZipFile(io.BytesIO(page.get(finished["export"]).content)).extractall(tmp_path)
    kept, digest = read_own(tmp_path / "edit", done)
    again = paint_again(desk.served.painter, kept, digest, tick=lambda part: None, begin=lambda name: None)
    assert again.same


def test_a_mask_is_followed_through_the_probes(page: httpx2.Client) -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[2:8, 2:8] = 255
    body = {
        "prompt": PROMPT,
        "seed": 8,
        "mask": {"size": [16, 16], "data": base64.b64encode(mask.tobytes()).decode()},
    }
    told = events(page, "/api/edits", body)
    assert of_kind(told, "begun")[0]["settings"]["kind"] == "covariance"
    target = of_kind(told, "target")[0]["maps"]["saliency"]
    assert np.array_equal(values(target).reshape(target["size"]) > 0.5, mask.repeat(2, 0).repeat(2, 1) > 0)
    assert len(of_kind(told, "step")) == 3 and of_kind(told, "finished")


def test_the_estimator_looks_at_the_steps_when_it_is_asked(page: httpx2.Client) -> None:
    told = events(page, "/api/estimates", {"prompt": PROMPT, "seed": 8, "look": "clean"})
    assert [data["step"] for data in of_kind(told, "estimates")] == [1, 2, 3]
    assert set(of_kind(told, "estimates")[0]["maps"]) == {"saliency", "depth", "shading"}


def test_seeds_that_are_begun_are_read_as_their_pictures_are(page: httpx2.Client) -> None:
    told = events(page, "/api/seeds", {"prompt": PROMPT, "first": 40, "count": 10, "step": 2})
    begun, seeds = of_kind(told, "begun")[0], of_kind(told, "seed")
    assert [data["seed"] for data in seeds] == list(range(40, 50)) and not of_kind(told, "step")
    for data in (seeds[0], seeds[9]):
        picture = events(page, "/api/pictures", {"prompt": PROMPT, "seed": data["seed"]})
        step = of_kind(picture, "step")[1]
        for name, layer in begun["layers"].items():
            own, sent = values(step["maps"][name][layer]), values(data["maps"][name])
            assert np.abs(own - sent).max() <= 0.02 * np.ptp(own)


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("POST", "/api/pictures", {"json": {"prompt": ""}}, 422),
        ("POST", "/api/pictures", {"json": {}}, 422),
        ("POST", "/api/pictures", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ("POST", "/api/pictures", {"content": b"prompt=x", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", "/api/pictures", {"json": {"prompt": "x" * 3_000_000}}, 413),
        ("POST", "/api/edits", {"json": {"prompt": PROMPT, "mirror": True, "edit": {"layers": ["no"]}}}, 422),
        ("POST", "/api/edits", {"json": {"prompt": PROMPT, "mirror": True, "edit": {"last": 4}}}, 422),
        ("POST", "/api/edits", {"json": {"prompt": PROMPT, "relight": True, "edit": {"kind": "carry"}}}, 422),
        ("POST", "/api/seeds", {"json": {"prompt": PROMPT, "step": 4}}, 422),
        ("POST", "/api/seeds", {"json": {"prompt": PROMPT, "count": 65}}, 422),
        ("GET", "/api/jobs/none", {}, 404),
        ("GET", "/api/jobs/none/events", {}, 404),
        ("DELETE", "/api/jobs/none", {}, 404),
        ("GET", "/api/edits/none/export", {}, 404),
        ("GET", "/api/gallery/99.png", {}, 404),
        ("GET", "/api/gallery/..%2F..%2Fstudy.toml.png", {}, 404),
        ("GET", "/static/..%2Fapp.py", {}, 404),
        ("GET", "/static/%2e%2e/app.py", {}, 404),
        ("GET", "/shared/..%2F..%2F__init__.py", {}, 404),
        ("GET", "/shared/page.js", {}, 404),
        ("GET", "/etc/passwd", {}, 404),
        ("PUT", "/api/pictures", {"json": {}}, 405),
        ("GET", "/api/about", {"headers": {"Host": "evil.example"}}, 421),
        (
            "POST",
            "/api/pictures",
            {"json": {"prompt": PROMPT}, "headers": {"Origin": "http://evil.example"}},
            403,
        ),
    ],
)
def test_what_is_wrong_gets_one_line(
    page: httpx2.Client, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    refused = page.request(method, path, **sent)
    assert refused.status_code == status
    line = refused.json()["error"]
    assert line and "\n" not in line and set(refused.json()) == {"error"}


def test_the_page_its_report_and_its_gallery_are_shown(page: httpx2.Client) -> None:
    about = page.get("/api/about").json()
    for shown in about["gallery"]:
        picture = page.get(f"/api/gallery/{shown['number']}.png")
        assert Image.open(io.BytesIO(picture.content)).size == tuple(reversed(about["size"]))
    assert page.get("/").headers["content-type"].startswith("text/html")
    assert "--paper" in page.get("/shared/report.css").text
    report = page.get("/api/report")
    assert report.status_code == (200 if about["report"] else 404)


def test_a_stream_that_is_left_stops_the_work(
    page: httpx2.Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FOLLOWED", 0.0)
    monkeypatch.setattr(state, "TIDY", 0.05)
    job = page.post("/api/pictures", json={"prompt": PROMPT, "seed": 9, "steps": 100}).json()
    with page.stream("GET", job["events"]) as stream:
        next(line for line in stream.iter_lines() if line == "event: step")
    until = time.monotonic() + 20
    while page.get("/api/about").json()["worker"]["working"] and time.monotonic() < until:
        time.sleep(0.05)
    assert desk.pictures.get((PROMPT, 9, 100, 7.5)) is None
    told = parsed(page.get(job["events"]).text)
    assert told[-1][0] == "cancelled" and 1 <= len(of_kind(told, "step")) < 100
    assert not page.get("/api/about").json()["worker"]["working"]


def test_a_worker_that_dies_is_replaced(
    page: httpx2.Client, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(making, "_made", lambda *given: 1 / 0)
        told = events(page, "/api/pictures", {"prompt": PROMPT, "seed": 10})
    assert told[-1][0] == "failed" and told[-1][1]["again"] and "ZeroDivisionError" in told[-1][1]["error"]
    assert events(page, "/api/pictures", {"prompt": PROMPT, "seed": 10})[-1][0] == "end"
    assert page.get("/api/about").json()["worker"]["replaced"] == 1


def test_a_full_queue_says_when_to_ask_again(page: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    going = Event()

    def held(*given: Any) -> Iterator[None]:
        going.wait(30)
        yield

    monkeypatch.setattr(making, "picture", held)
    monkeypatch.setattr(jobs, "QUEUE", 3)
    answers = [page.post("/api/pictures", json={"prompt": PROMPT, "seed": seed}) for seed in range(6)]
    full = [answer for answer in answers if answer.status_code == 429]
    for answer in answers:
        if answer.status_code == 202:
            page.delete(f"/api/jobs/{answer.json()['job']}")
    going.set()
    assert 2 <= len(full) <= 3 and all(int(answer.headers["Retry-After"]) >= 1 for answer in full)
    assert "error" in full[0].json()


def test_thirty_two_clients_at_once_each_get_their_own(page: httpx2.Client, desk: Desk) -> None:
    seeds = range(1000, 1032)

    async def one(client: httpx2.AsyncClient, seed: int) -> Events:
        job = (await client.post("/api/pictures", json={"prompt": PROMPT, "seed": seed})).json()
        return parsed((await client.get(job["events"])).text)

    async def all_() -> list[Events]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=page.base_url, timeout=120, limits=limits) as client:
            return await asyncio.gather(*(one(client, seed) for seed in seeds))

    told = finished(all_(), 120)
    for seed, own in zip(seeds, told, strict=True):
        assert of_kind(own, "begun")[0]["seed"] == seed and own[-1][0] == "end"
    shown = [of_kind(own, "finished")[0]["picture"] for own in told]
    assert len(set(shown)) == len(seeds)
    for i in (0, 13, 31):
        alone = desk.served.painter.unedited([making.PromptRow(PROMPT, seeds[i], 0)], desk.served.moving)
        assert np.array_equal(
            picture_of(shown[i]), (alone.pictures[0] * 255).round().byte().permute(1, 2, 0).numpy()
        )
    assert desk.pictures.held <= making.PICTURE_BYTES and len(desk.pictures) <= making.PICTURES


@pytest.mark.slow
def test_memory_comes_back_to_where_it_was(page: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT", 0.0)
    held = []
    for first in range(2000, 2000 + 6 * making.PICTURES, making.PICTURES):
        for seed in range(first, first + making.PICTURES):
            job = page.post("/api/pictures", json={"prompt": PROMPT, "seed": seed}).json()
            page.get(job["events"])
        time.sleep(2)
        held.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    assert max(held[3:]) - held[2] < 30_000_000, [round(of / 1e6) for of in held]


def test_no_request_that_the_description_allows_or_forbids_is_the_servers_fault(
    page: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "picture",
        "edit",
        "estimates",
        "seeds",
    ):  # what is asked for is checked as ever, and made in no time
        monkeypatch.setattr(making, name, lambda desk, ask, identity, tell: iter(()))
    schema = schemathesis.openapi.from_url(f"{page.base_url}/api/openapi.json")
    codes: set[int] = set()
    for operation in (result.ok() for result in schema.get_all_operations()):
        can_be_wrong = operation.method == "post"  # any text is the name of a job, if of none that is there
        for mode in GenerationMode if can_be_wrong else [GenerationMode.POSITIVE]:

            @given(operation.as_strategy(generation_mode=mode))
            @settings(max_examples=FUZZED, database=None, suppress_health_check=list(HealthCheck))
            def asking(case: schemathesis.Case) -> None:
                answer = case.call(base_url=str(page.base_url), timeout=20)
                codes.add(answer.status_code)
                assert answer.status_code < 500, case.as_curl_command()
                if answer.status_code >= 400:
                    assert set(answer.json()) == {"error"}, case.as_curl_command()

            asking()
    assert {200, 202, 404, 422} <= codes
