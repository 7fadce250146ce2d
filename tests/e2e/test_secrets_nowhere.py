"""From snapshot to rollback by the command line: no planted secret is found in anything that was said or written."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests import servers
from tests.integration.test_apply_httpd import Site
from tests.planted import ILO_PASSWORD, files, findings, ilo_bodies, objects

pytestmark = pytest.mark.integration

AJP, TOKEN, CHANGED = "PLANTED-ajp-s3cret-42", "PLANTED-bearer-t0ken/77", "PLANTED-meanwhile-91"
ROUTE = 'web1/httpd:httpd.route["main /ajp"].read_timeout'
ALERTS = 'web1/ilo:ilo.snmp["1"].alerts_enabled'
FORMATS = ("table", "json", "sarif", "html")


class Told:
    """The real command with everything that it says kept; with AUDITOR_DEBUG even tracebacks are."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.said: list[bytes] = []
        self.plans: set[str] = set()
        self.environment = {
            **os.environ,
            "AUDITOR_DEBUG": "1",
            "AUDITOR_AUTHOR": "ops1",
            "AUDITOR_ILO_USERNAME": "auditor",
            "AUDITOR_ILO_PASSWORD": ILO_PASSWORD,
            "TMPDIR": str(site.folder / "tmp"),
        }
        (site.folder / "tmp").mkdir()

    async def __call__(self, *words: str, code: int | None = 0) -> str:
        def run() -> subprocess.CompletedProcess[bytes]:
            command = [sys.executable, "-m", "auditor", *words]
            return subprocess.run(
                command, cwd=self.site.fleet.root, env=self.environment, capture_output=True, timeout=120, check=False
            )

        done = await asyncio.to_thread(run)
        self.said += [" ".join(words).encode(), done.stdout, done.stderr]
        text = (done.stdout + done.stderr).decode()
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{text}"
        return text

    def every_format(self, name: str) -> list[str]:
        """Options for the table on standard output and a file of each other format."""
        others = (word for form in FORMATS[1:] for word in ("--format", f"{form}:{self.site.folder}/tmp/{name}.{form}"))
        return ["--format", FORMATS[0], *others]

    async def plan(self, *words: str) -> str:
        """The id of a plan, signed and approved."""
        key = str(self.site.fleet.key("ops1"))
        await self("plan", *words, "--reason", "why", "--key", key)
        known = {path.name for path in (self.site.fleet.root / "plans").iterdir() if path.is_dir()}
        new = (known - self.plans).pop()
        self.plans = known
        await self("approve", new[:8], "--key", str(self.site.fleet.key("lead1")))
        await self("show", new[:8], "--look")
        await self("show", new[:8], "--format", "json")
        return new[:8]


@pytest.fixture
def site(tmp_path: Path, httpd: Path, ssh_keygen: str) -> Iterator[Site]:
    made = Site(tmp_path)
    (made.root / "conf.d/ajp.conf").write_text(
        servers.load_modules("proxy_ajp")
        + f"ProxyPass /ajp ajp://127.0.0.1:9/ secret={AJP} timeout=300\n"
        + f'RequestHeader set Authorization "Bearer {TOKEN}"\n'
    )
    with made.server:
        yield made


def written(site: Site) -> list[tuple[str, bytes]]:
    """All that was written outside the server's own tree and the target's own backups, which hold true bytes."""
    elsewhere = [site.fleet.root, Path(os.environ["HOME"]), site.folder / "tmp"]
    return [*files(*elsewhere), *objects(site.fleet.desk().fleet.store_path)]


def test_no_secret_is_told_from_snapshot_to_rollback(site: Site) -> None:
    served, ilo_secrets = ilo_bodies()
    told = Told(site)
    line = site.root / "conf.d/ajp.conf"
    before = site.files()
    secrets = [
        AJP.encode(),
        TOKEN.encode(),
        CHANGED.encode(),
        b"pl4nted-s3cret-77",
        ILO_PASSWORD.encode(),
        *ilo_secrets,
    ]

    async def story() -> None:
        async with VirtualIlo(served, "auditor", ILO_PASSWORD) as ilo:
            file = site.fleet.root / "auditor.yaml"
            entry = f"    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
            probe = f"      probe: http://127.0.0.1:{site.port}/server-status\n"
            file.write_text(file.read_text().replace(probe, probe + entry))
            await told("snapshot")
            await told("check", "web1", *told.every_format("check"), "--verbose", code=None)
            # One line that holds a secret is edited and rolled back: its own secret stays in its place.
            plan = await told.plan("--set", f"{ROUTE}=60s")
            await told("apply", plan)
            assert f"secret={AJP} timeout=60" in line.read_text()
            await told("rollback", plan)
            assert site.files() == before
            # A secret that changed meanwhile is neither overwritten nor told; the line is named.
            plan = await told.plan("--set", f"{ROUTE}=61s")
            line.write_text(line.read_text().replace(AJP, CHANGED))
            now = site.files()
            assert "conf.d/ajp.conf:2 changed" in await told("apply", plan, code=4)
            assert "conf.d/ajp.conf:2 changed" in await told("show", plan, "--look")
            assert site.files() == now
            await told("drift", "web1", *told.every_format("drift"), "--verbose", code=None)
            line.write_text(line.read_text().replace(CHANGED, AJP))
            # What was done by hand to a line with a secret is taken back as it was then.
            line.write_text(line.read_text().replace("set Authorization", "add Authorization"))
            plan = await told.plan("--to", "snapshots", "web1/httpd")
            await told("apply", plan)
            assert site.files() == before
            plan = await told.plan("--set", f"{ALERTS}={'false' if alerts(ilo) else 'true'}")
            await told("apply", plan)
            await told("rollback", plan)
            await told("history", "web1/httpd", "--verbose", code=None)
            await told("history", "web1/ilo", "--verbose", code=None)

    asyncio.run(story())
    held = written(site)
    assert any(b"auditor-secret:" in content for name, content in held if name.endswith("plan.json"))
    assert findings(iter(held), secrets) == []
    assert findings(((f"output {number}", text) for number, text in enumerate(told.said)), secrets) == []
    assert {path.suffix for path in (site.folder / "tmp").glob("*.*")} >= {f".{form}" for form in FORMATS[1:]}
    journals = list(site.fleet.root.rglob("*.jsonl"))
    assert len(journals) >= 3
    state = site.folder / "state"
    assert findings(files(state), [AJP.encode()]), "the true bytes are kept on the target, where taking back needs them"
    for path in (*journals, *(one.parent for one in journals), state, *state.rglob("*")):
        status = path.lstat()
        assert stat.S_IMODE(status.st_mode) == (0o700 if path.is_dir() else 0o600), path
        assert status.st_uid == os.geteuid(), path


def alerts(ilo: VirtualIlo) -> object:
    return ilo.state.get("/redfish/v1/Managers/1/SnmpService")["AlertsEnabled"]
