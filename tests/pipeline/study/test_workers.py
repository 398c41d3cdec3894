"""Several processes make the same bytes as one, also when one of them is killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.faults import contents
from underpainting import Study
from underpainting.captures.write import carry_out, plan_capture
from underpainting.errors import UnderpaintingError
from underpainting.intervention.act import experiment
from underpainting.progress import Progress
from underpainting.study import lifeline
from underpainting.study.environment import load_study, record_environment, use_threads
from underpainting.study.executors import count_workers
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study, open_study
from underpainting.threads import ask_for


@pytest.fixture(scope="module", autouse=True)
def forked() -> Iterator[None]:
    """Workers begin as those of the command line do, which is faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifeline, "_begun_by", ["spawn"])
        lifeline.import_meanwhile()
        yield


@pytest.fixture
def one_thread() -> None:
    torch.set_num_threads(1)


@contextmanager
def one_killed(folder: Path, made: str) -> Iterator[None]:
    """One worker process is killed, once there is anything of that pattern in a folder."""
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            if any(folder.glob(made)):
                child = active_children()[0]
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
                killed.append(child.pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    yield
    killer.join(timeout=5)
    assert killed


COUNTED = """
import os, sys
if any("spawn_main" in word for word in sys.orig_argv):
    import torch
    torch.cuda.device_count = lambda: 2
    def set_device(number):
        with open(os.environ["TAKEN"], "a") as file:
            file.write(f"{number}\\n")
    torch.cuda.set_device = set_device
"""


@pytest.fixture
def gpus_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Two GPUs that worker processes see, and so import by themselves.

    Gives the numbers of those that were taken, in order of time.
    """
    monkeypatch.setattr(lifeline, "_begun_by", ["spawn"])
    home, taken = tmp_path / "gpus", tmp_path / "taken"
    home.mkdir()
    (home / "sitecustomize.py").write_text(COUNTED)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(home), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("TAKEN", str(taken))
    return lambda: [int(line) for line in taken.read_text().split()]


def test_two_workers_and_a_killed_one_make_the_same_bytes(
    named_study: Callable[[str], StudyFolder], one_thread: None, gpus_taken: Callable[[], list[int]]
) -> None:
    alone, together = named_study("alone"), named_study("together")
    run_study(alone)
    with one_killed(together.shards_folder, "0*"):
        run_study(together, workers=2)
    assert contents(together.folder) == contents(alone.folder)
    taken = gpus_taken()
    assert taken.count(0) == taken.count(1) == 2  # a GPU each, and again after the pool had died


def test_an_experiment_by_two_workers_and_a_killed_one_has_the_same_bytes(
    acted_on: StudyFolder, tmp_path: Path, one_thread: None
) -> None:
    alone, together = (open_study(copied(acted_on.folder, tmp_path / name)) for name in ("one", "two"))
    asked: dict[str, Any] = {"aim": "shading", "pictures": 4, "trials": 1}
    means = experiment(alone, **asked)
    with one_killed(together.interventions_folder / "shading", "choice/0*.parquet"):
        assert experiment(together, **asked, workers=2) == means
    assert contents(together.folder) == contents(alone.folder)
    assert not any(path.name.startswith(".") for path in together.interventions_folder.rglob("*"))


def test_a_capture_by_two_workers_has_the_same_bytes(
    finished: StudyFolder, tmp_path: Path, one_thread: None
) -> None:
    """Also by the command line, whose workers are forked."""
    plan = plan_capture(finished, tmp_path / "one", layers=["mid.0"], steps=[1, 3])
    heard = Heard()
    assert carry_out(plan, heard).images == tuple(row.image for row in plan.rows)
    assert heard.made == pytest.approx(len(plan.rows))
    asked = ["--layers", "mid.0", "--steps", "1,3", "--yes", "--workers", "2", "--threads", "1"]
    folder = str(finished.folder)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "underpainting.cli",
            "capture",
            folder,
            "--out",
            str(tmp_path / "two"),
            *asked,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.parametrize(("device", "how"), [("tty0", "forkserver"), ("nvidia0", "spawn"), ("kfd", "spawn")])
def test_workers_are_forked_only_where_no_gpu_can_be(
    device: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[bool] = []
    monkeypatch.setattr(lifeline, "DEVICES", tmp_path)
    monkeypatch.setattr(lifeline, "_begun_by", ["spawn"])
    monkeypatch.setattr(lifeline.forkserver, "ensure_running", lambda: began.append(True))
    (tmp_path / device).touch()
    assert lifeline.context().get_start_method() == "spawn"
    lifeline.import_meanwhile()
    assert lifeline.context().get_start_method() == how
    assert bool(began) == (how == "forkserver")


def test_a_search_by_two_workers_finds_the_same(
    acted_on: StudyFolder, tmp_path: Path, one_thread: None
) -> None:
    def searched(name: str, **more: Any) -> tuple[dict[str, bytes], dict[str, dict[str, torch.Tensor]], int]:
        study = Study.open(copied(acted_on.folder, tmp_path / name))
        asked: dict[str, Any] = {"seeds": 7, "finish": 2, "progress": False, **more}
        made = study.search("a thing number 3", "left third", **asked)
        begun = {
            str(path.relative_to(study.folder)): load_file(path)
            for path in study.seeds_folder.glob("begun-*/*/*.safetensors")
        }
        for tensors in begun.values():
            del tensors["seconds"]
        told = {"search.json", "checksums.json"}  # how long it took
        kept = {name: data for name, data in contents(made.folder).items() if name not in told}
        return kept, begun, made.cost.evaluations

    kept, begun, evaluations = searched("one")
    also_kept, also_begun, also_spent = searched("two", workers=2)
    assert also_kept == kept and "pictures" in str(kept) and also_spent == evaluations
    assert also_begun.keys() == begun.keys() and len(begun) > 4
    for name, tensors in begun.items():
        assert tensors.keys() == also_begun[name].keys()
        assert all(torch.equal(of, also_begun[name][key]) for key, of in tensors.items())


def copied(folder: Path, home: Path) -> Path:
    """A copy of a study that a test may add to."""
    shutil.copytree(folder, home)
    return home


class Heard(Progress):
    """Counts what is made."""

    def __init__(self) -> None:
        self.made = 0.0

    def advance(self, made: float) -> None:
        self.made += made


def test_auto_is_a_worker_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_workers("auto") == max(1, torch.cuda.device_count())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert count_workers("auto") == 4 and count_workers(3) == 3
    for bad in (0, 257, 2.0, True, "two"):
        with pytest.raises(UnderpaintingError, match="from 1 to 256, or auto"):
            count_workers(bad)  # type: ignore[arg-type]


@pytest.mark.slow  # six processes import everything
def test_workers_that_die_again_and_again_are_given_up(
    named_study: Callable[[str], StudyFolder], tmp_path: Path, one_thread: None
) -> None:
    study = named_study("dying")
    (tmp_path / "estimator_of_light.py").write_text(
        "import multiprocessing, os\n"
        "class Light:\n"
        "    properties, name, fingerprint = ('saliency',), 'light', '1'\n"
        "    def __call__(self, pictures):\n"
        "        os._exit(9)\n"
    )
    with pytest.raises(UnderpaintingError, match=r"3 worker processes were killed.*fewer workers"):
        run_study(study, workers=2)
    assert not list(study.shards_folder.glob("0*"))


def test_a_study_keeps_the_threads_it_was_begun_with(
    new_study: Callable[[str], StudyFolder], estimator: Any, one_thread: None
) -> None:
    study = new_study("kept")
    loaded = load_study(study.config, estimator=estimator)
    ask_for(3)
    use_threads(study)
    assert record_environment(study, loaded) == []
    ask_for(None)
    torch.set_num_threads(1)
    use_threads(study, workers=2)
    assert torch.get_num_threads() == 3 and record_environment(study, loaded) == []
    ask_for(2)
    use_threads(study)
    assert record_environment(study, loaded) == [
        "threads was 3, is 2: later pictures may differ in their last digits"
    ]


def test_a_config_may_say_how_many_threads(
    new_study: Callable[[str], StudyFolder], tmp_path: Path, one_thread: None
) -> None:
    study = new_study("usual")
    run = study.config.run.model_copy(update={"threads": 5})
    create_study(tmp_path / "five", study.config.model_copy(update={"run": run}), study.rows)
    use_threads(open_study(tmp_path / "five"), workers=2)
    assert torch.get_num_threads() == 5


def test_objects_cannot_be_given_to_workers(
    named_study: Callable[[str], StudyFolder], estimator: Any
) -> None:
    with pytest.raises(UnderpaintingError, match="by name"):
        run_study(named_study("objects"), estimator=estimator, workers=2)


PARENT = """
import sys
from concurrent.futures import ProcessPoolExecutor
import os
from multiprocessing import Pipe, get_context
from underpainting.study import lifeline

def import_for_long(seconds):
    '''As an import that holds the interpreter's lock does.'''
    import ctypes
    ctypes.PyDLL(None).sleep(seconds)

if __name__ == "__main__":
    (ended, life), (numbers, numbering) = Pipe(duplex=False), Pipe(duplex=False)
    os.write(numbering.fileno(), bytes(1))
    pool = ProcessPoolExecutor(1, get_context("spawn"), lifeline.begin, (ended, numbers, 1))
    pool.submit(import_for_long, 60)
    while not pool._processes:
        pass
    print(next(iter(pool._processes)), flush=True)
    sys.stdin.read()
"""


def test_a_worker_ends_with_its_parent_also_while_it_loads(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = Path(f"/proc/{int(parent.stdout.readline())}")
    for _ in range(600):
        if b"underpainting" in (worker / "maps").read_bytes() or "torch" in (worker / "maps").read_text():
            break
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    for _ in range(50):
        if not worker.exists() or "Z" in (worker / "stat").read_text().rpartition(")")[2].split()[0]:
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its parent by 5 seconds")
