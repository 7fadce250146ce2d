"""Planted secrets: none may be found in any object of the store, nor in any file of the fleet, in no disguise."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import urllib.parse
from pathlib import Path

import pytest

from auditor.services.fleet import load_fleet
from auditor.services.history import history
from auditor.services.init import init_fleet
from auditor.services.inventory import resolve_targets
from auditor.services.keys import sealer_for
from auditor.services.snapshot import take_snapshot
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import CollectOptions
from tests.fakes.stored import night
from tests.planted import CORPUS, ILO_PASSWORD, files, findings, httpd_secrets, ilo_bodies, objects

pytestmark = pytest.mark.integration


def test_the_scanner_finds_what_it_should() -> None:
    secret = b"PLANTED-s3cret/42?"
    for offset in range(3):
        hidden = base64.b64encode(b"x" * offset + secret + b"tail")
        assert findings(iter([("a", b"head" + hidden)]), [secret]), offset
    assert findings(iter([("a", urllib.parse.quote(secret, safe="").encode())]), [secret])
    assert findings(iter([("a", b'"' + secret + b'"')]), [secret])
    assert not findings(iter([("a", b"PLANTED-s3cre")]), [secret])


def test_no_planted_secret_reaches_the_store_or_the_fleet(tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "AUDITOR_ILO_USERNAME": "auditor",
        "AUDITOR_ILO_PASSWORD": ILO_PASSWORD,
    }
    root, tree = tmp_path / "fleet", tmp_path / "httpd"
    report = init_fleet(root, environment)
    shutil.copytree(CORPUS / "httpd/tree", tree, symlinks=True)
    served, ilo_secrets = ilo_bodies()
    changed = tree / "conf.d/later.conf"

    async def nights() -> None:
        async with VirtualIlo(served, "auditor", ILO_PASSWORD) as ilo:
            text = (root / "auditor.yaml").read_text(encoding="utf-8")
            hosts = f"hosts:\n  web1: {{httpd: {{tree: {tree}}}, ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}}}\n"
            (root / "auditor.yaml").write_text(text.replace("hosts: {}\n", hosts), encoding="utf-8")
            fleet = load_fleet(root)
            options = CollectOptions(sealer_for(fleet, environment), environment)
            for number in range(2):
                taken = await take_snapshot(fleet, resolve_targets(["all"], fleet), options, now=night(number))
                assert {one.target: one.status != "not seen" for one in taken.targets} == {
                    "web1/httpd": True,
                    "web1/ilo": True,
                }
                changed.write_text('SSLProxyMachineCertificateFile x\nSetEnv DB_PASSWORD "PLANTED-second-night"\n')

    asyncio.run(nights())
    fleet = load_fleet(root)
    told = "".join(str(entry) for target in ("web1/httpd", "web1/ilo") for entry in history(fleet, target))
    secrets = [*httpd_secrets(), *ilo_secrets, ILO_PASSWORD.encode(), b"PLANTED-second-night"]
    secrets.append(Path(report.key_file).read_bytes().strip())
    held = list(objects(fleet.store_path))
    assert sum(content.count(b"auditor-secret:") for _, content in held) >= 20, "the secrets are there as digests"
    assert any(b"DB_PASSWORD" in content for _, content in held), "what surrounds a secret is kept"
    assert findings(iter(held), secrets) == []
    assert findings(files(root), secrets) == []
    assert findings(iter([("history", told.encode())]), secrets) == []
