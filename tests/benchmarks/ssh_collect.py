"""A tree of 60 files read over SSH from an sshd on loopback, against the disk; then 50 such hosts in one run."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from auditor.model.target import LocalTree, SshTree, Target
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.interface import CollectOptions
from auditor.transport.executor import run_bounded
from auditor.transport.ssh.address import SshAddress
from auditor.transport.ssh.connection import SshConnection
from tests.benchmarks.timing import Cost, compare, cost_of_call
from tests.fakes.plans import SEALER
from tests.ssh_server import SshServer

FILES = 60
FILE_BYTES = 7_100  # 60 of them are the 426 KB of a host
HOSTS = 50
AT_ONCE = 16
_MAIN = "ServerName web1.example\nListen 80\nInclude conf.d/*.conf\nInclude {outside}/*.conf\n"


def _make(root: Path, outside: Path) -> None:
    (root / "conf.d").mkdir(parents=True)
    (root / "conf").mkdir()
    outside.mkdir()
    (root / "conf/httpd.conf").write_text(f'ServerRoot "{root}"\n' + _MAIN.format(outside=outside))
    (outside / "far.conf").write_text("Timeout 60\n")
    line = "    ProxyTimeout 60\n    # what a line of a virtual host looks like\n"
    for number in range(FILES - 2):
        lines = line * (FILE_BYTES // len(line))
        text = f"<VirtualHost *:80>\n    ServerName web{number}.example\n{lines}</VirtualHost>\n"
        (root / f"conf.d/{number:02}.conf").write_text(text)


def run() -> str:
    """The times in lines; the round trips are counted by the connection."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "etc/httpd")
        _make(root, Path(folder, "outside"))
        with SshServer(Path(folder, "web1")) as server:
            names = [server.host(f"web{number}") for number in range(2, HOSTS + 2)]
            options = CollectOptions(SEALER, environment={"AUDITOR_SSH_CONFIG": str(server.config)})

            async def read(place: LocalTree | SshTree) -> None:
                collected = await collect(Target("web1", "httpd", place), options)
                if len(collected.documents) != FILES or collected.gaps:
                    raise RuntimeError(f"not all was read: {collected.gaps}")

            async def fleet() -> None:
                async for one in run_bounded(names, lambda name: read(SshTree(name, str(root))), at_once=AT_ONCE):
                    if one.error is not None:
                        raise one.error

            def far() -> Cost:
                return cost_of_call(lambda: asyncio.run(read(SshTree("web1", str(root)))))

            def near() -> Cost:
                return cost_of_call(lambda: asyncio.run(read(LocalTree(str(root)))))

            first, second = compare(far, near)
            login = min(cost_of_call(lambda: asyncio.run(_login(options))).wall for _ in range(3))
            whole = cost_of_call(lambda: asyncio.run(fleet()))
            trips = _trips(lambda: asyncio.run(read(SshTree("web1", str(root)))))
    walls = [sorted(cost.wall for cost in costs)[len(costs) // 2] for costs in (first, second)]
    return (
        f"{FILES} files over SSH: {walls[0]:.2f} s ({login:.2f} s of it the login), from the disk {walls[1]:.2f} s; "
        f"{trips} round trips\n"
        f"{HOSTS} such hosts, {AT_ONCE} at a time, sshd on the same two cores: {whole.wall:.1f} s, "
        f"{whole.cpu:.1f} s of this side's CPU"
    )


async def _login(options: CollectOptions) -> None:
    connection = SshConnection(SshAddress("web1", config=options.environment["AUDITOR_SSH_CONFIG"]))
    await connection.open({})
    await connection.close()


def _trips(read: Callable[[], None]) -> int:
    counts: list[int] = []
    close = SshConnection.close

    async def counting(self: SshConnection) -> None:
        counts.append(self.round_trips)
        await close(self)

    SshConnection.close = counting  # type: ignore[method-assign]
    try:
        read()
    finally:
        SshConnection.close = close  # type: ignore[method-assign]
    return counts[0]
