"""The still life served from a small study of its own: made once, gone on with, and what a person sees."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from underpainting import workflow
from underpainting.cli import main
from underpainting.page import own_study as own_study_module
from underpainting.page import server
from underpainting.page.own_study import own_study
from underpainting.progress import Progress
from underpainting.study.study import StudyFolder

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyFolder]:
    """A very small one, begun, stopped and gone on with."""
    small = own_study_module.SMALL
    model, run = (getattr(small, name) for name in ("model", "run"))
    changed = {
        "prompts": small.prompts.model_copy(update={"limit": 12}),
        "model": model.model_copy(update={"steps": 3}),
        "run": run.model_copy(update={"gallery": 1, "batch_size": 4}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(own_study_module, "SMALL", small.model_copy(update=changed))
        with pytest.MonkeyPatch.context() as stopping, pytest.raises(KeyboardInterrupt):
            stopping.setattr(workflow, "run", lambda *given, **options: _stop())
            own_study(Progress())
        yield own_study(Progress())


def _stop() -> None:
    raise KeyboardInterrupt


def test_it_is_made_once_and_lies_in_the_users_cache(
    own: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own.is_done and own.report_file.is_file()
    assert own.folder.parents[2] == Path(os.environ["XDG_CACHE_HOME"])
    monkeypatch.setattr(workflow, "run", lambda *given, **options: _stop())
    assert own_study(Progress()).folder == own.folder


def test_the_dockerfiles_command_serves_it(
    own: StudyFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[FastAPI] = []

    def serve(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
        listening.close()
        served.append(app)
        ready()

    monkeypatch.setattr(server, "serve_app", serve)
    command = re.findall(r"^CMD (.+)$", (ROOT / "Dockerfile").read_text(), flags=re.M)[0]
    with pytest.raises(SystemExit) as gone:
        main([*json.loads(command)[1:], "--port", "0"])
    assert gone.value.code == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", out)
    assert "anyone who can reach this machine" in err
    with TestClient(served[0], base_url="https://someone-page.hf.space") as page:
        edit = {"prompt": "a blue mug on a wooden floor", "seed": 7, "move": [0.2, -0.1]}
        told = _events(page, edit)
    finished = next(data for kind, data in told if kind == "finished")
    assert isinstance(finished["class_kept"], bool)
    assert len(finished["classes"]) == 3 and finished["classes"][0][0] in page.app.state.page.about["classes"]
    kept = finished["classes"][0][0] == finished["before"]["classes"][0][0]
    assert (
        finished["class_kept"] == kept == (not any("no longer sees" in line for line in finished["advice"]))
    )
    assert finished["object"]["middle"][0] > finished["before"]["object"]["middle"][0]
    shown = [data for kind, data in told if kind == "frames"]
    assert all(len(data["classes"]) == len(data["pictures"]) for data in shown)


def _events(page: TestClient, body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    job = page.post("/api/edits", json=body).json()
    text = page.get(job["events"]).text
    return [(kind, json.loads(data)) for kind, data in re.findall(r"event: (\w+)\ndata: (.+)\n", text)]


def test_at_a_terminal_it_prints_its_link_and_ends_by_ctrl_c(own: StudyFolder) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    serving = subprocess.Popen(
        [sys.executable, "-m", "underpainting.cli", "serve", str(own.folder), "--port", "0", "--no-open"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert serving.stdout is not None
        link = serving.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", link)
        assert httpx2.get(f"{link}api/about", timeout=30).json()["name"] == own.folder.name
        serving.send_signal(signal.SIGINT)
        out, err = serving.communicate(timeout=60)
    finally:
        serving.kill()
    assert serving.returncode == 130 and out == ""
    assert err.splitlines()[-1] == "underpainting: stopped" and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serve", "--host", "no such host"], "cannot listen on no such host"),
        (["serve", "nowhere"], "nowhere holds no study"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _refused(["--port", "0"], arguments, line, capsys)


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with server.listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        _refused(["--port", port], ["serve"], f"cannot listen on 127.0.0.1, port {port}", capsys)


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("underpainting.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("underpainting.page", None, raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    _refused([], ["serve"], "`pip install underpainting[page]`", capsys)


def _refused(more: list[str], arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as gone:
        main([*arguments, *more, "--no-open"])
    err = capsys.readouterr().err.splitlines()
    assert gone.value.code == 2
    assert err[-1].startswith("underpainting: ") and line in err[-1]
