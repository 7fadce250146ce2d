"""A running httpd with a proxied route, and the fleet that plans, approves and applies changes to it."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path

from auditor.model.plan import ApplyReport, DirectiveEdit, Disruption, Origin, Proposal, Step
from auditor.plan.build import PlanRequest, build_plan
from auditor.plan.folder import read_plan, write_author_signature, write_plan
from auditor.services.changes import (
    Judged,
    Proposed,
    SetWay,
    apply_plan,
    approve_plan,
    propose_plan,
    rollback_plan,
)
from auditor.services.check import default_policy
from auditor.services.snapshot import take_snapshot
from auditor.store import Store
from tests import servers
from tests.fakes.fleets import TestFleet

ROUTE = 'web1/httpd:httpd.route["main /api"].read_timeout'


class Site:
    """A running httpd with a proxied route, and the fleet that knows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "httpd"
        (self.root / "conf.d").mkdir(parents=True)
        self.port = servers.free_port()
        modules = servers.load_modules("mpm_prefork", "authz_core", "proxy", "proxy_http", "status", "headers")
        (self.root / "httpd.conf").write_text(
            f"{modules}ServerName web1.example\nListen 127.0.0.1:{self.port}\nPidFile {folder}/httpd.pid\n"
            f"ErrorLog {folder}/error.log\nServerRoot {self.root}\nTimeout 60\nStartServers 1\n"
            f"DocumentRoot {self.root}\n<Location /server-status>\nSetHandler server-status\n</Location>\n"
            f"IncludeOptional {self.root}/conf.d/*.conf\n"
        )
        (self.root / "conf.d/api.conf").write_bytes(
            b"# the caf\xe9's route\r\n"
            b"ProxyPass /api http://127.0.0.1:9/ timeout=300\r\n"
            b'RequestHeader set Authorization "Bearer pl4nted-s3cret-77"\r\n'
        )
        self.server = servers.RunningHttpd(self.root, "httpd.conf", folder / "httpd.pid", wait_port=self.port)
        words = ", ".join(self.server.command)
        hosts = (
            f"  web1:\n    httpd:\n      tree: {self.root}\n      main_file: httpd.conf\n"
            f"      server: [{words}]\n      state_dir: {folder}/state\n"
            f"      probe: http://127.0.0.1:{self.port}/server-status\n"
        )
        self.fleet = TestFleet(folder / "fleet", hosts).make()

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file()}

    def generation(self) -> int:
        url = f"http://127.0.0.1:{self.port}/server-status?auto"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        return int(text.split("ParentServerConfigGeneration: ")[1].split()[0])

    def propose(self, *settings: str, **how: object) -> Proposed:
        desk = self.fleet.desk()
        way = how.get("way") or SetWay(settings)
        judged_by = Judged(default_policy(("httpd",)))
        made = propose_plan(
            desk,
            way,
            reason="why",
            author="ops1",
            judged_by=judged_by,
            key=self.fleet.key("ops1"),  # type: ignore[arg-type]
        )
        return asyncio.run(made)

    def approve(self, plan: str) -> None:
        approve_plan(self.fleet.desk(), plan[:8], self.fleet.key("lead1"))

    def apply(self, plan: str) -> ApplyReport:
        return asyncio.run(apply_plan(self.fleet.desk(), plan[:8]))

    def rollback(self, plan: str) -> ApplyReport:
        return asyncio.run(rollback_plan(self.fleet.desk(), plan[:8]))

    def agreed(self, name: str) -> bytes:
        with Store.open(self.fleet.desk().fleet.store_path) as store:
            document = store.read("agreed", "web1/httpd").document(name)
        assert document is not None
        return document.content

    def snapshot(self) -> str:
        desk = self.fleet.desk()
        return asyncio.run(take_snapshot(desk.fleet, desk.fleet.targets, desk.collect_options())).revision


def planned_line(
    site: Site, text: str, way: Disruption = "reload", *, instead_of: str = "", file: str = "httpd.conf"
) -> str:
    """A signed plan that puts lines at the end of a file, or in the place of a line, whatever they do."""
    desk = site.fleet.desk()
    lines = (site.root / file).read_text("latin-1").splitlines(keepends=True)
    before = "".join(line for line in lines if instead_of and line.startswith(instead_of))
    at = lines.index(before) + 1 if before else len(lines) + 1
    after = f"{text}\n"
    change = DirectiveEdit(file, at, at - 1 + before.count("\n"), before, after)
    undo = DirectiveEdit(file, at, at - 1 + after.count("\n"), after, before)
    proposal = Proposal("web1/httpd", (Step("1", "why", change, undo, way, (), ()),), ())
    origin = Origin("diff", ("x",), key_id=desk.sealer.key_id)
    plan = build_plan([proposal], PlanRequest("why", "ops1", origin, desk.clock()))
    identity = write_plan(desk.fleet.plans_path, plan)
    stored = read_plan(desk.fleet.plans_path, identity)
    write_author_signature(stored.folder, desk.keygen.sign(identity, site.fleet.key("ops1")))
    return identity
