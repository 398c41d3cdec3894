"""A cluster makes the bytes of one process, whatever dies in it: real Ray, in namespaces of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from benchmarks.faults import contents
from tests.command import call
from tests.pipeline.study.conftest import tiny_config, tiny_rows
from tests.pipeline.study.hosts import OPEN, PATH, ROOT, Host, join, start_head, two_hosts
from underpainting.captures.write import carry_out, plan_capture
from underpainting.errors import UnderpaintingError
from underpainting.intervention.act import experiment
from underpainting.progress import Progress
from underpainting.records import sealing, write_json
from underpainting.seeds.search import search
from underpainting.study.cluster.executor import install
from underpainting.study.cluster.job import Cluster
from underpainting.study.phases import ShardMaker
from underpainting.study.run import run_study
from underpainting.study.study import StudyFolder, create_study, open_study
from underpainting.study.trust import trust
from underpainting.study.work import Work

ESTIMATOR = """
import os, signal, time

HERE = os.path.dirname(__file__)

def asked(what):
    '''Whether the test wants this of the first worker that comes by.'''
    try:
        os.rename(os.path.join(HERE, what), os.path.join(HERE, what + "-done"))
    except OSError:
        return False
    return True

class Light:
    properties = ("saliency", "depth", "shading")
    name, fingerprint = "light", "1"

    def __call__(self, pictures):
        if asked("slow"):
            time.sleep(3)
        if os.path.exists(os.path.join(HERE, "deadly")) or asked("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if asked("fail"):
            raise MemoryError("no 40 GB are left")
        if asked("greed/greedy"):
            held = bytearray(b"1") * (5 << 30)
            time.sleep(600)
        if asked("wait"):
            time.sleep(600)
        light = pictures.mean(1)
        middle = light.flatten(1).median(dim=1).values[:, None, None]
        return {"saliency": (light > middle).float(), "depth": light + pictures[:, 0], "shading": light}
"""


class Heard(Progress):
    """Keeps what is told; does something when it is told that all workers see the folder."""

    def __init__(self, seen_by_all: Callable[[], object] = lambda: None) -> None:
        self.notes: list[str] = []
        self.made = 0.0
        self.seen_by_all = seen_by_all

    def note(self, line: str) -> None:
        self.notes.append(line)
        if "all see" in line:
            self.seen_by_all()

    def advance(self, made: float) -> None:
        self.made += made


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    pytest.importorskip("ray")
    torch.set_num_threads(1)
    try:
        with pytest.MonkeyPatch.context() as patch, two_hosts() as made:
            for name, value in OPEN.items():
                patch.setenv(name, value)
            yield made
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        pytest.skip(f"network namespaces cannot be made here: {said}")


@pytest.fixture(scope="module")
def address(hosts: tuple[Host, Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Both hosts as one cluster, a CPU each; Ray's sockets need a short path."""
    folder = Path("/tmp") / f"ray-{os.getpid()}"
    address = start_head(hosts[0], folder)
    join(hosts[1], address)
    yield address
    for host in hosts:
        host.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the estimator's module in it."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "estimator_of_cluster.py").write_text(ESTIMATOR)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        trust(["estimator_of_cluster:Light"])
        yield folder


@pytest.fixture(scope="module")
def make(home: Path, pipeline_folder: Path) -> Callable[[str], StudyFolder]:
    """Make the same study anew under a name, alone in a folder."""
    config = tiny_config(pipeline_folder)
    labels = config.labels.model_copy(update={"estimator": "estimator_of_cluster:Light"})
    changed = config.model_copy(update={"labels": labels})
    return lambda name: create_study(home / name / "study", changed, tiny_rows())


@pytest.fixture(scope="module")
def alone(make: Callable[[str], StudyFolder]) -> dict[str, bytes]:
    """The files that one process makes."""
    torch.set_num_threads(1)
    study = make("alone")
    run_study(study)
    return contents(study.folder)


@pytest.fixture
def _waiting(home: Path) -> Iterator[None]:
    """The first worker that makes a shard does not end it, however late the other one loads."""
    (home / "wait").touch()
    yield
    (home / "wait").unlink(missing_ok=True)


def test_two_hosts_with_separate_folders_a_death_and_a_slow_worker(
    hosts: tuple[Host, Host],
    address: str,
    home: Path,
    make: Callable[[str], StudyFolder],
    alone: dict[str, bytes],
) -> None:
    study, heard = make("apart"), Heard()
    hosts[1].hide(study.folder.parent)
    for what in ("die", "slow"):
        (home / what).touch()
    with hosts[0].here():
        run_study(study, cluster=Cluster(address), progress=heard)
    assert contents(study.folder) == alone
    assert {path.name for path in home.glob("*-done")} == {"die-done", "slow-done"}
    assert heard.made == len(study.rows)
    died, folder = (next(line for line in heard.notes if word in line) for word in ("died", "bytes"))
    assert "is made again" in died and "10.77.0.2 cannot use" in folder


@pytest.fixture
def copied(home: Path, alone: dict[str, bytes]) -> Callable[[str], StudyFolder]:
    """Copy the study that one process made, under a name, as one that a GPU has made."""

    def copy(name: str) -> StudyFolder:
        study = open_study(shutil.copytree(home / "alone" / "study", home / name / "study"))
        about = {**study.environment, "device": "another device"}
        with sealing(study.environment_file) as temporary:
            write_json(temporary, about)
        return study

    return copy


def test_an_experiment_on_two_hosts_that_see_nothing_has_the_same_bytes(
    hosts: tuple[Host, Host], address: str, copied: Callable[[str], StudyFolder]
) -> None:
    asked: dict[str, Any] = {"aim": "shading", "pictures": 4, "trials": 1}
    one, two, heard = copied("acted-on"), copied("acted-on-apart"), Heard()
    means = experiment(one, **asked)
    for host in hosts:
        host.hide(two.folder.parent)
    with hosts[0].here():
        assert experiment(two, **asked, progress=heard, cluster=Cluster(address)) == means
    assert contents(two.folder) == contents(one.folder)
    assert any(re.search(r"10\.77\.0\.[12] cannot use .*comes back as bytes", line) for line in heard.notes)
    (differs,) = (line for line in heard.notes if "device" in line)
    assert re.fullmatch(
        r"device was another device, is cpu: later pictures may differ in their last digits "
        r"\(a worker on 10\.77\.0\.[12]\)",
        differs,
    )


@pytest.mark.slow
def test_a_capture_and_a_search_on_hosts_that_see_the_folders(
    hosts: tuple[Host, Host], address: str, home: Path, copied: Callable[[str], StudyFolder]
) -> None:
    def captured(name: str, **more: Any) -> dict[str, bytes]:
        plan = plan_capture(study, home / name, layers=["mid.0"], steps=[1, 3])
        carry_out(plan, heard, **more)
        return contents(home / name)

    study, other, heard = copied("looked-for"), copied("looked-for-apart"), Heard()
    wanted = captured("captured")
    asked: dict[str, Any] = {"seeds": range(7), "finish": 2, "progress": heard}
    found = search(study, "a thing number 3", ["left third"], **asked)
    with hosts[0].here():
        assert captured("captured-apart", cluster=Cluster(address)) == wanted
        again = search(other, "a thing number 3", ["left third"], **asked, cluster=Cluster(address))
    assert again.table.equals(found.table)
    assert all(np.array_equal(again.pictures[seed], of) for seed, of in found.pictures.items())
    assert sum("all see" in line for line in heard.notes) == 2


@pytest.mark.slow
def test_a_node_that_is_lost_and_a_folder_that_all_see(
    hosts: tuple[Host, Host], address: str, make: Callable[[str], StudyFolder], alone: dict[str, bytes]
) -> None:
    study, heard = make("shared"), Heard(lambda: hosts[1].kill("raylet"))
    with hosts[0].here():
        run_study(study, cluster=Cluster(address), progress=heard)
    assert contents(study.folder) == alone
    hosts[1].kill()
    join(hosts[1], address)


@pytest.mark.slow
def test_the_driver_killed_goes_on_from_the_last_whole_shard(
    hosts: tuple[Host, Host],
    address: str,
    home: Path,
    make: Callable[[str], StudyFolder],
    alone: dict[str, bytes],
) -> None:
    study = make("driver")
    words = (sys.executable, "-m", "underpainting.cli", "run", str(study.folder), "--on", "ray")
    enter = ("nsenter", "-t", str(hosts[0].keeper.pid), "-n", "-m")
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{home}:{PATH}"}
    driver = subprocess.Popen((*enter, *words, "--address", address), env=env)
    while not any(study.shards_folder.glob("0*")):
        assert driver.poll() is None
        time.sleep(0.05)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    made = {path: path.stat().st_ino for path in study.shards_folder.glob("0*")}
    with hosts[0].here():
        run_study(open_study(study.folder), cluster=Cluster(address))
    assert contents(study.folder) == alone
    assert all(path.stat().st_ino == number for path, number in made.items())


@pytest.mark.slow
def test_what_answers_there_may_be_no_cluster(
    hosts: tuple[Host, Host], make: Callable[[str], StudyFolder]
) -> None:
    with (
        hosts[0].here(),
        socket.create_server((hosts[0].address, 7000)),
        pytest.raises(UnderpaintingError, match=r"10\.77\.0\.1:7000 does not answer .* within 10 s"),
    ):
        run_study(make("deaf"), cluster=Cluster("10.77.0.1:7000"))


@pytest.mark.slow
def test_a_shard_that_kills_every_worker_is_named(
    hosts: tuple[Host, Host], address: str, home: Path, make: Callable[[str], StudyFolder]
) -> None:
    (home / "deadly").touch()
    try:
        with hosts[0].here(), pytest.raises(UnderpaintingError) as told:
            run_study(make("killing"), cluster=Cluster(address))
    finally:
        (home / "deadly").unlink()
    assert "4 workers died while they made shard" in str(told.value) and "smaller batches" in str(told.value)


@pytest.mark.slow
def test_a_worker_whose_memory_does_not_suffice_is_named(
    hosts: tuple[Host, Host], address: str, home: Path, make: Callable[[str], StudyFolder]
) -> None:
    (home / "fail").touch()
    with hosts[0].here(), pytest.raises(UnderpaintingError) as told:
        run_study(make("failing"), cluster=Cluster(address))
    assert re.match(r"10\.77\.0\.[12] ran out of memory \(.*no 40 GB", str(told.value))
    assert "use fewer workers a machine, smaller batches" in str(told.value)


@pytest.mark.slow
def test_a_worker_killed_for_memory_is_named_and_its_shard_made_again(
    hosts: tuple[Host, Host],
    address: str,
    home: Path,
    make: Callable[[str], StudyFolder],
    alone: dict[str, bytes],
) -> None:
    memory = psutil.virtual_memory()
    hosts[1].kill()
    limit = 1 - (memory.available - (3 << 30)) / memory.total
    watched = {"RAY_memory_usage_threshold": f"{limit:.3f}", "RAY_memory_monitor_refresh_ms": "100"}
    join(hosts[1], address, **watched)
    study, heard = make("greedy"), Heard()
    (home / "greed").mkdir()
    hosts[1].hide(home / "greed")  # so that no worker but this host's is greedy
    hosts[1].call("touch", str(home / "greed" / "greedy"))
    with hosts[0].here():
        run_study(study, cluster=Cluster(address), progress=heard)
    assert contents(study.folder) == alone
    assert any("10.77.0.2 ran out of memory; shard" in line for line in heard.notes)
    hosts[1].kill()
    join(hosts[1], address)


@pytest.mark.slow
@pytest.mark.usefixtures("_waiting")
def test_a_head_that_goes_away_is_told_and_a_second_run_goes_on(
    hosts: tuple[Host, Host],
    address: str,
    home: Path,
    make: Callable[[str], StudyFolder],
    alone: dict[str, bytes],
) -> None:
    study, heard = make("headless"), Heard(lambda: hosts[0].kill("gcs_server"))
    with hosts[0].here(), pytest.raises(UnderpaintingError, match="connection to the cluster is lost"):
        run_study(study, cluster=Cluster(address), progress=heard)
    (home / "wait").unlink(missing_ok=True)
    for host in hosts:
        host.kill()
    again = start_head(hosts[0], Path("/tmp") / f"ray-{os.getpid()}")
    join(hosts[1], again)
    with hosts[0].here():
        run_study(open_study(study.folder), cluster=Cluster(again))
    assert contents(study.folder) == alone


@pytest.mark.usefixtures("_waiting")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (('__version__ = "', '__version__ = "9.'), r"10\.77\.0\.2 has underpainting 9\."),
        (
            ("\n\n\n", "\n\n\n# other code\n"),
            r"10\.77\.0\.2 has other code of underpainting \d.* than this machine",
        ),
    ],
    ids=["version", "code"],
)
def test_another_underpainting_on_a_host_is_refused(
    hosts: tuple[Host, Host],
    address: str,
    tmp_path: Path,
    make: Callable[[str], StudyFolder],
    changed: tuple[str, str],
    said: str,
) -> None:
    ours = ROOT / "src" / "underpainting" / "__init__.py"
    other = tmp_path / "__init__.py"
    other.write_text(ours.read_text().replace(*changed))
    hosts[1].replace(ours, other)
    try:
        with hosts[0].here(), pytest.raises(UnderpaintingError, match=said):
            run_study(make(tmp_path.name), cluster=Cluster(address))
    finally:
        hosts[1].show(ours)


@pytest.mark.usefixtures("_waiting")
def test_another_study_at_the_same_path_is_refused(
    hosts: tuple[Host, Host], address: str, make: Callable[[str], StudyFolder]
) -> None:
    study = make("elsewhere")
    hosts[1].hide(study.folder)
    hosts[1].call("touch", str(study.config_file))
    with hosts[0].here(), pytest.raises(UnderpaintingError, match="another study lies at"):
        run_study(study, cluster=Cluster(address))


def test_an_address_that_does_not_answer(
    hosts: tuple[Host, Host], make: Callable[[str], StudyFolder]
) -> None:
    study = make("unanswered")
    with hosts[0].here(), pytest.raises(UnderpaintingError, match=r"nothing answers at 10\.77\.0\.9:6379"):
        run_study(study, cluster=Cluster("10.77.0.9:6379"))
    assert sorted(path.name for path in study.folder.iterdir()) == [
        "prompts.parquet",
        "prompts.parquet.sha256",
        "study.toml",
    ]


def test_no_ray(
    make: Callable[[str], StudyFolder], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make("without")
    monkeypatch.setattr("underpainting.study.cluster.executor.find_spec", lambda name: None)
    assert call("run", study.folder, "--on", "ray") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "pip install 'underpainting[cluster]'" in said and said.endswith("(underpainting explain cluster)")


def test_a_shard_that_was_changed_on_its_way_is_refused(alone: dict[str, bytes], tmp_path: Path) -> None:
    for name, data in alone.items():
        (tmp_path / "study" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "study" / name).write_bytes(data)
    study = open_study(tmp_path / "study")
    maker = ShardMaker(Work(study, None, 0.05, Progress()))  # type: ignore[arg-type]
    shard, arrived = study.of_split("test")[-1], tmp_path / "arrived"
    folder, sent = study.shard_folder(shard.number), arrived / "shards" / f"{shard.number:05d}"
    names = [sent.relative_to(arrived).as_posix()]
    sent.parent.mkdir(parents=True)
    folder.rename(sent)
    labels = sent / "labels.safetensors"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UnderpaintingError, match=f"shard {shard.number} is not as it was made elsewhere"):
        install(maker, shard.name, names, study.folder, arrived)
    assert not folder.exists()
    labels.write_bytes(whole)
    assert install(maker, shard.name, names, study.folder, arrived) == (folder,)
    assert contents(study.folder) == alone and not arrived.exists()
