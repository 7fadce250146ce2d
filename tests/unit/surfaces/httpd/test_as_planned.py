"""A server's machine as a plan's files and links make it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.model.snapshot import Collected, Document, Fact
from auditor.surfaces.httpd.carry_out.as_planned import AsPlanned
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.surroundings import Standing

_ROOT = "/etc/httpd"
_LINK = Document("tls/current.crt", "files/tls/current.crt", b"", link="web.crt")


class Machine:
    """Says of every path what was asked: nothing of a plan has been done there."""

    async def port(self, host: str, port: int) -> str:
        return f"{host}:{port} is asked"

    async def standing(self, paths: Sequence[str]) -> list[Standing]:
        return ["program" if path.startswith(_ROOT) else "hidden" for path in paths]

    async def content(self, path: str) -> bytes:
        return f"live {path}".encode()

    async def size(self, path: str) -> int:
        return 48

    async def public_key(self, path: str) -> bytes:
        return f"key {path}".encode()

    async def started(self, pid: int, names: Sequence[str]) -> None:
        return None

    async def ciphers(self, text: str, *, tls13: bool) -> str:
        return f"{text} is asked"


def _file(name: str, content: bytes = b"new", mode: int = 0o644) -> LiveFile:
    return LiveFile(name, Path(_ROOT, name), content, mode, 0, 0)


def _machine(wanted: dict[str, LiveFile], link: str = "") -> AsPlanned:
    now = Collected("web1/httpd", "httpd", (_LINK,), (Fact("root", _ROOT),))
    then = Collected("web1/httpd", "httpd", (_led(link or _LINK.link),), (Fact("root", _ROOT),))
    return AsPlanned.of(Machine(), now, then, wanted)


def _led(text: str) -> Document:
    return Document(_LINK.name, _LINK.store_path, b"", link=text)


def test_what_the_plan_does_not_touch_is_asked_of_the_machine() -> None:
    made = _machine({"tls/web.crt": _file("tls/web.crt")})
    assert asyncio.run(made.content("/etc/pki/x.crt")) == b"live /etc/pki/x.crt"
    assert asyncio.run(made.size("/etc/pki/x")) == 48
    assert asyncio.run(made.public_key("/etc/pki/x.key")) == b"key /etc/pki/x.key"
    assert asyncio.run(made.standing(["rotatelogs", "/usr/bin/x"])) == ["hidden", "hidden"]
    assert asyncio.run(made.port("", 80)) == ":80 is asked"
    assert asyncio.run(made.ciphers("HIGH", tls13=False)) == "HIGH is asked"


def test_what_the_plan_writes_counts_also_where_a_link_leads_to_it() -> None:
    made = _machine({"tls/web.crt": _file("tls/web.crt", b"four"), "run": _file("run", mode=0o755)})
    assert asyncio.run(made.content("/etc/httpd/tls/web.crt")) == b"four"
    assert asyncio.run(made.content("/etc/httpd/tls/../tls/current.crt")) == b"four"
    assert asyncio.run(made.size("/etc/httpd/tls/current.crt")) == 4
    asked = ["/etc/httpd/tls/web.crt", "/etc/httpd/run", "/etc/httpd/other"]
    assert asyncio.run(made.standing(asked)) == ["file", "program", "program"]


def test_what_the_plan_removes_is_not_there_any_more() -> None:
    gone = replace(_file("tls/web.crt", b""), kind="nothing")
    made = _machine({"tls/web.crt": gone})
    assert asyncio.run(made.standing(["/etc/httpd/tls/current.crt"])) == ["missing"]
    for look in (made.content, made.size, made.public_key):
        with pytest.raises(ValueError, match="the plan removes it"):
            asyncio.run(look("/etc/httpd/tls/current.crt"))  # type: ignore[arg-type]


def test_a_link_that_the_plan_leads_elsewhere_is_followed_there() -> None:
    link = replace(_file("tls/current.crt", b"/etc/pki/other.crt"), kind="link")
    made = _machine({"tls/current.crt": link}, "/etc/pki/other.crt")
    assert asyncio.run(made.content("/etc/httpd/tls/current.crt")) == b"live /etc/pki/other.crt"
    assert asyncio.run(made.public_key("/etc/httpd/tls/current.crt")) == b"key /etc/pki/other.crt"
    assert asyncio.run(made.standing(["/etc/httpd/tls/current.crt"])) == ["hidden"]
