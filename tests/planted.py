"""Planted secrets and the search for them: used by every test that proves that none is disclosed."""

from __future__ import annotations

import ast
import base64
import json
import re
import subprocess
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.virtual_ilo import bodies

CORPUS = Path(__file__).parent / "corpus/secrets"
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
