"""Two hosts on one machine: network namespaces that a cable joins, each with mounts of its own.

Ray cannot bind to loopback, and a test must not listen on the machine's own address.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000  # setns(2)
RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--num-gpus=0")
SMALL = ("--object-store-memory=80000000", "--include-dashboard=false", "--disable-usage-stats")
PORT = 6379
ROOT = Path(__file__).parents[3]
PATH = f"{ROOT / 'src'}:{ROOT}"
OPEN = {"RAY_AUTH_MODE": "disabled"}  # nobody else is in there, and a token would be of this user's home


@dataclass(frozen=True)
class Host:
    """A network namespace and a mount namespace, kept by a process that does nothing."""

    address: str
    keeper: "subprocess.Popen[bytes]"

    def call(self, *words: str, **variables: str) -> str:
        """What a command prints on this host. Raises CalledProcessError."""
        enter = ("nsenter", "-t", str(self.keeper.pid), "-n", "-m")
        env = {**os.environ, **OPEN, "PYTHONPATH": PATH, "OMP_NUM_THREADS": "1", **variables}
        done = subprocess.run((*enter, *words), env=env, check=True, capture_output=True, text=True)
        return done.stdout

    def hide(self, folder: Path) -> None:
        """Have this host see an empty folder in a folder's place."""
        self.call("mount", "-t", "tmpfs", "none", str(folder))

    def show(self, folder: Path) -> None:
        """Undo `hide`."""
        self.call("umount", str(folder))

    def replace(self, file: Path, other: Path) -> None:
        """Have this host see another file in a file's place; `show` undoes it."""
        self.call("mount", "--bind", str(other), str(file))

    def processes(self, *words: str) -> list[int]:
        """Numbers of this host's processes whose command line has one of the words, or all processes."""
        home, numbers = self._namespace(self.keeper.pid), []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (path / "cmdline").read_bytes().decode(errors="replace")
                if self._namespace(int(path.name)) == home and any(word in line for word in words or ("",)):
                    numbers.append(int(path.name))
        return [number for number in numbers if number not in (self.keeper.pid, os.getpid())]

    def kill(self, *words: str) -> int:
        """Kill processes of this host (see `processes`); how many there were."""
        numbers = self.processes(*words)
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return len(numbers)

    @contextmanager
    def here(self) -> Iterator[None]:
        """What this thread begins in the block, it begins on this host's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as own, open(f"/proc/{self.keeper.pid}/ns/net") as its:
            if libc.setns(its.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(own.fileno(), CLONE_NEWNET)

    @staticmethod
    def _namespace(process: int) -> str:
        return os.readlink(f"/proc/{process}/ns/net")


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts that reach each other, at 10.77.0.1 and 10.77.0.2.

    Raises OSError or CalledProcessError where namespaces cannot be made.
    """
    hosts = [Host(f"10.77.0.{i}", _keeper()) for i in (1, 2)]
    try:
        first, second = (str(host.keeper.pid) for host in hosts)
        cable = ("ip", "link", "add", "cable1", "netns", first, "type", "veth")
        _call(*cable, "peer", "name", "cable2", "netns", second)
        for i, host in enumerate(hosts, 1):
            host.call("ip", "link", "set", "lo", "up")
            host.call("ip", "address", "add", f"{host.address}/24", "dev", f"cable{i}")
            host.call("ip", "link", "set", f"cable{i}", "up")
        yield hosts[0], hosts[1]
    finally:
        for host in hosts:
            with suppress(OSError):
                host.kill()
            host.keeper.kill()
            host.keeper.wait()


def start_head(host: Host, folder: Path, **variables: str) -> str:
    """Begin a cluster whose files go to a folder; its address."""
    words = ("--head", f"--node-ip-address={host.address}", f"--port={PORT}", f"--temp-dir={folder}")
    host.call(*RAY, *SMALL[:3], *words, **variables)
    return f"{host.address}:{PORT}"


def join(host: Host, address: str, **variables: str) -> None:
    """Make a host a node of the cluster."""
    host.call(*RAY, SMALL[0], f"--address={address}", f"--node-ip-address={host.address}", **variables)


def _keeper() -> "subprocess.Popen[bytes]":
    """A process in namespaces of its own, which ends with this one, whose pipe it reads."""
    keeper = subprocess.Popen(
        ["unshare", "-n", "-m", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert keeper.stdout is not None
    if not keeper.stdout.readline():
        raise OSError("no namespaces")
    return keeper


def _call(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
