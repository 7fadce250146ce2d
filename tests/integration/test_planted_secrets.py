"""Planted secrets: none may be found in any object of the store, nor in any file of the fleet, in no disguise."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.services.fleet import load_fleet, resolve_targets
from auditor.services.history import history
from auditor.services.init import init_fleet
from auditor.services.keys import sealer_for
from auditor.services.snapshot import take_snapshot
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import CollectOptions
from tests.fakes.stored import night
from tests.virtual_ilo import bodies

pytestmark = pytest.mark.integration

CORPUS = Path(__file__).parents[1] / "corpus/secrets"
ILO_PASSWORD = "PLANTED-log-in-password"


def httpd_secrets() -> list[bytes]:
    """The strings planted in the httpd tree; each stands there, else the test would prove nothing."""
    lines = (CORPUS / "httpd/planted.txt").read_text(encoding="utf-8").splitlines()
    planted: list[bytes] = [ast.literal_eval(f"b'{line}'") for line in lines if line and not line.startswith("#")]
    tree = b"\n".join(path.read_bytes() for path in (CORPUS / "httpd/tree").rglob("*") if path.is_file())
    assert [one for one in planted if one not in tree] == []
    assert len(planted) > 10
    return planted


def ilo_bodies() -> tuple[dict[str, Any], list[bytes]]:
    """A personality's bodies with every secret of the manifest, and the strings."""
    tree: dict[str, Any] = bodies()
    entries = json.loads((CORPUS / "ilo/manifest.json").read_text(encoding="utf-8"))["planted"]
    for entry in entries:
        body = tree.setdefault(entry["uri"], {"@odata.id": entry["uri"], "Id": entry["uri"].rsplit("/", 1)[-1]})
        *above, name = entry["pointer"].split("/")[1:]
        for token in above:
            body = body.setdefault(token, {})
        body[name] = entry["value"]
    subscriptions = tree["/redfish/v1/EventService/Subscriptions"]
    subscriptions["Members"] = [{"@odata.id": uri} for uri in tree if "/Subscriptions/" in uri]
    texts = sorted(set(re.findall(r"PLANTED[^\"@:?=/]*", json.dumps([entry["value"] for entry in entries]))))
    assert len(texts) > 20
    return tree, [text.encode() for text in texts]


def disguises(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """A secret as it could stand in a file: plain, quoted for a URL, in base64, in hexadecimal, in other encodings."""
    yield "plain", secret
    if len(secret) < 6:  # shorter ones would be found by chance
        return
    yield "url", urllib.parse.quote(secret, safe="").encode()
    yield "hexadecimal", secret.hex().encode()
    text = secret.decode("latin-1")
    yield "utf-16", text.encode("utf-16-le")
    yield "utf-8 of its bytes", text.encode()
    yield "json", json.dumps(text)[1:-1].encode()
    for offset in range(3):
        padded = base64.b64encode(b"\0" * offset + secret)
        first = -(-offset * 8 // 6)  # characters that also depend on what stands before
        last = (offset + len(secret)) * 8 // 6
        yield f"base64 at {offset}", padded[first:last]
        yield f"base64url at {offset}", padded[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def findings(haystacks: Iterator[tuple[str, bytes]], secrets: list[bytes]) -> list[str]:
    """Where which secret was found, in which disguise."""
    needles = [(secret, how, needle) for secret in secrets for how, needle in disguises(secret)]
    return [
        f"{secret!r} ({how}) in {where}"
        for where, content in haystacks
        for secret, how, needle in needles
        if needle in content
    ]


def objects(store: Path) -> Iterator[tuple[str, bytes]]:
    """Every object of a store, reachable or not."""
    listed = subprocess.run(
        ["git", "-C", str(store), "cat-file", "--batch-all-objects", "--batch"], capture_output=True, check=True
    ).stdout
    start = 0
    while start < len(listed):
        end = listed.index(b"\n", start)
        name, kind, size = listed[start:end].split()
        body = listed[end + 1 : end + 1 + int(size)]
        yield f"{kind.decode()} {name.decode()}", body
        start = end + 2 + int(size)


def files(*roots: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below folders, and what those that are compressed hold."""
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                yield str(path), content
                if content[:1] == b"\x78":
                    yield f"{path} (inflated)", zlib.decompressobj().decompress(content)


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
