"""How many CPUs are given, told from affinity and cgroup files as Linux writes them; who may wait how."""

import os
from pathlib import Path

import pytest
import torch

from underpainting import threads
from underpainting.threads import given_cpus, set_threads, wait_passively


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def v2(group: str, limit: str) -> dict[str, str]:
    return {f"sys/fs/cgroup{group}/cpu.max": limit}


def v1(group: str, quota: int) -> dict[str, str]:
    folder = f"sys/fs/cgroup/cpu{group}"
    return {f"{folder}/cpu.cfs_quota_us": str(quota), f"{folder}/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("groups", "files", "cpus"),
    [
        ("0::/", {}, 16),
        ("0::/job", v2("/job", "max 100000"), 16),
        ("0::/job", v2("/job", "300000 100000"), 3),
        ("0::/job", v2("/job", "250000 100000"), 2),
        ("0::/job", v2("/job", "50000 100000"), 1),
        ("0::/user/job", {**v2("/user", "400000 100000"), **v2("/user/job", "800000 100000")}, 4),
        ("0::/docker/4f1b", v2("", "200000 100000"), 2),
        ("0::/../job", v2("", "200000 100000"), 2),
        ("0::/job", v2("/job", "6400000 100000"), 16),
        ("0::/job", v2("/job", "nonsense"), 16),
        ("3:cpu,cpuacct:/job\n0::/", v1("/job", 500000), 5),
        ("4:cpuacct:/job\n3:cpu:/job", v1("/job", -1), 16),
        ("3:cpu:/docker/4f1b\n2:cpuset:/", v1("", 150000), 1),
    ],
)
def test_quotas_are_kept_to(
    groups: str, files: dict[str, str], cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    assert given_cpus(machine(tmp_path, groups, files)) == cpus


def test_affinity_is_kept_to_where_there_are_no_cgroups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {4, 5, 6}, raising=False)
    assert given_cpus(tmp_path) == 3
    assert given_cpus(machine(tmp_path, "0::/", v2("", "200000 100000"))) == 2


@pytest.fixture
def four_threads() -> None:
    torch.set_num_threads(4)


@pytest.mark.parametrize(
    ("wanted", "workers", "given", "taken"),
    [(None, 1, 16, 4), (None, 1, 3, 3), (None, 2, 3, 1), (None, 8, 3, 1), (6, 1, 3, 6), (2, 2, 16, 2)],
)
def test_threads_are_those_wanted_or_the_cpus_given(
    wanted: int | None,
    workers: int,
    given: int,
    taken: int,
    four_threads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "given_cpus", lambda: given)
    set_threads(wanted, workers)
    assert torch.get_num_threads() == taken


def test_waiting_is_passive_unless_the_person_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.WAITING:
        monkeypatch.setenv(name, "")  # so that what is set here is taken back
        monkeypatch.delenv(name)
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    wait_passively()
    assert "OMP_WAIT_POLICY" not in os.environ
