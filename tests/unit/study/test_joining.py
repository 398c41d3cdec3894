"""Joining a cluster: workers that it has room for, and a cluster that is of another Python."""

from collections.abc import Callable
from typing import Any

import pytest

from underpainting.errors import UnderpaintingError
from underpainting.study.cluster.job import Cluster, Job
from underpainting.study.cluster.joining import join, room


class Nodes:
    """Stands in for Ray where a cluster would take GPUs, or another Python."""

    def __init__(self, *resources: dict[str, float], init: Callable[..., None] = lambda **_: None) -> None:
        self._resources, self.init = resources, init

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": one} for one in self._resources]


def job(cluster: Cluster, workers: int | None = None, device: str = "auto") -> Job:
    folders = "/study", "/study", ".", "/study/.scratch"
    return Job(*folders, "", cluster, workers, b"", "0", "", device, "/", ())


def test_room_is_what_the_cluster_has() -> None:
    two, one, none = {"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}, {"CPU": 4.0}
    assert room(Nodes(two, one, none), job(Cluster())) == (3, 2, 1.0)
    assert room(Nodes(two, one, none), job(Cluster(None, 0.5))) == (6, 3, 0.5)
    assert room(Nodes(two, one), job(Cluster(), device="cpu")) == (2, 1, 0.0)
    assert room(Nodes(none, none), job(Cluster(), workers=7)) == (7, 4, 0.0)
    for nodes, cluster in (((none,), Cluster(None, 1)), ((two, one), Cluster(None, 4)), (({},), Cluster())):
        with pytest.raises(UnderpaintingError, match="no machine of the cluster has a CPU and"):
            room(Nodes(*nodes), job(cluster))


def test_a_cluster_of_another_python_is_refused() -> None:
    utils = pytest.importorskip("ray._private.utils")

    def init(**options: Any) -> None:
        utils.check_version_info({"ray_version": "2.60.0", "python_version": "3.9.1"}, "10.0.0.2")

    with pytest.raises(UnderpaintingError, match=r"another Python or Ray.*Python: 3\.9\.1"):
        join(Nodes(init=init), job(Cluster()))
