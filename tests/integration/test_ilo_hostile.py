"""A fleet with one hostile iLO: one clear gap, the others whole, and no secret anywhere, whatever it does."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from auditor.cli import main, work
from auditor.errors import AuditorError
from auditor.services.init import init_fleet
from auditor.surfaces.ilo import client as client_module
from auditor.surfaces.ilo.simulator.certificate import KINDS as CERTIFICATES
from auditor.surfaces.ilo.simulator.faults import KINDS
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.virtual_ilo import PASSWORD, USERNAME

pytestmark = pytest.mark.integration

PLACES = {"everything": ("", ""), "one resource": ("/SnmpService", ""), "log-in": ("/Sessions", "POST")}
DEADLINE_S = 6.0

HARMLESS = {
    ("wrong type", "everything"),  # the true body under another name
    ("wrong type", "one resource"),
    ("wrong type", "log-in"),
    ("names", "everything"),  # members that we do not know are kept, whatever they are called
    ("names", "one resource"),
    ("names", "log-in"),
    ("expired", "log-in"),  # there was no session yet
    ("drip", "log-in"),  # these spoil only what is read
    ("cycle", "log-in"),
    ("dots", "log-in"),
    ("slashes", "log-in"),
}
"""What is no gap. Every other fault, those that are to come too, gives exactly one."""

STOPS_THE_OTHERS = {("refused", "log-in")}
"""A refused log-in is tried nowhere else, on purpose: test_ilo_log_ins.py."""

CASES = [
    pytest.param(kind, place, id=f"{kind}, {place}")
    for kind in KINDS
    for place in PLACES
    if (kind, place) not in STOPS_THE_OTHERS
]
LEFT_BEHIND = (PASSWORD, base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode(), "sim-read-community")


class World:
    """A fleet of three iLOs, with everything that was ever said about them."""

    def __init__(self, root: Path, ilos: list[VirtualIlo]) -> None:
        self.root = root
        self.ilos = ilos
        self.hostile = ilos[0]
        self.tokens: set[str] = set()
        self.said: list[str] = []
        self.raised: list[AuditorError] = []

    def secrets(self) -> tuple[str, ...]:
        assert self.tokens
        return (*LEFT_BEHIND, *self.tokens)

    def leaks(self, text: str) -> list[str]:
        return [one for one in self.secrets() if one in text]

    def outside(self) -> set[Path]:
        """Every file beside the store."""
        base = self.root.parent
        return {path for path in base.rglob("*") if self.root / ".auditor" not in (path, *path.parents)}

    def stored(self) -> tuple[bytes, list[str]]:
        """Every byte of the store, and every path in the newest state."""
        git = ["git", "-C", str(self.root / ".auditor/store.git")]
        listed = subprocess.run(
            [*git, "cat-file", "--batch", "--batch-all-objects"], capture_output=True, check=True, timeout=60
        )
        paths = subprocess.run(
            [*git, "ls-tree", "-r", "--name-only", "-z", "snapshots"], capture_output=True, check=True, timeout=60
        )
        return listed.stdout, [path for path in paths.stdout.decode().split("\0") if path]


def _inventory(root: Path, ilos: list[VirtualIlo]) -> None:
    hosts = "".join(
        f"  web{n}:\n    ilo: {{url: '{ilo.url}', cafile: '{ilo.cafile}'}}\n" for n, ilo in enumerate(ilos, 1)
    )
    file = root / "auditor.yaml"
    file.write_text(file.read_text().replace("hosts: {}", f"hosts:\n{hosts}"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("hostile")
    with contextlib.ExitStack() as stack:
        ilos = [stack.enter_context(run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD))) for _ in range(3)]
        init_fleet(base / "fleet", {**os.environ, "AUDITOR_KEY_FILE": str(base / "key")})
        _inventory(base / "fleet", ilos)
        yield World(base / "fleet", ilos)


@pytest.fixture
def world(fleet: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """The fleet, every word written down: the log of every library at every level, and every error with its causes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_ILO_USERNAME", USERNAME)
    monkeypatch.setenv("AUDITOR_ILO_PASSWORD", PASSWORD)
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(fleet.root.parent / "key"))
    monkeypatch.setenv("AUDITOR_FLEET", str(fleet.root))
    monkeypatch.setenv("AUDITOR_DEBUG", "1")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    fleet.said, fleet.raised = [], []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            fleet.said.append(f"{logging.Formatter().format(record)} {record.args!r} {vars(record)!r}")

    class Watched(client_module.AsyncRedfishClient):  # type: ignore[misc]  # the library has no types
        def __init__(self, *arguments: Any, **named: Any) -> None:
            if named.get("session_key"):
                fleet.tokens.add(str(named["session_key"]))
            super().__init__(*arguments, **named)

    made = AuditorError.__init__

    def noted(self: AuditorError, what: str, **named: Any) -> None:
        made(self, what, **named)
        fleet.raised.append(self)

    collecting = work.collecting
    monkeypatch.setattr(client_module, "AsyncRedfishClient", Watched)
    monkeypatch.setattr(AuditorError, "__init__", noted)
    monkeypatch.setattr(
        work, "collecting", lambda *given, **more: structs.replace(collecting(*given, **more), deadline_s=DEADLINE_S)
    )
    root, listening = logging.getLogger(), Listening(logging.DEBUG)
    before = root.level
    root.addHandler(listening)
    root.setLevel(logging.DEBUG)
    try:
        yield fleet
    finally:
        root.removeHandler(listening)
        root.setLevel(before)
        for ilo in fleet.ilos:
            ilo.faults.clear()


def looked(world: World, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """The gaps that count of each target, by a snapshot; and every word that the run said in any format."""
    capsys.readouterr()
    code = main(["snapshot", "--full", "--format", "json:told.json", "--format", "table"])
    words = capsys.readouterr()
    told = Path("told.json").read_text()
    report = json.loads(told)
    gaps = {one["target"]: [gap for gap in one["gaps"] if not gap["complete"]] for one in report["targets"]}
    assert code == (3 if any(gaps.values()) else 0)
    return gaps, words.out + words.err + told + "\n".join(world.said) + "\n".join(_chains(world.raised))


def _chains(errors: list[AuditorError]) -> Iterator[str]:
    """Each error with everything that it holds, and everything behind it."""
    for error in errors:
        one: BaseException | None = error
        while one is not None:
            yield f"{one!r} {one} {one.args!r} {vars(one)!r}"
            one = one.__cause__ or one.__context__


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_one_clear_gap_and_the_others_whole(
    kind: Any, place: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path, method = PLACES[place]
    before = world.outside()
    world.hostile.faults.add(kind, path, method=method, seconds=60.0 if kind == "latency" else None)
    gaps, said = looked(world, capsys)
    found = gaps.pop("web1/ilo")
    assert gaps == {"web2/ilo": [], "web3/ilo": []}
    assert len(found) == (0 if (kind, place) in HARMLESS else 1), found
    for gap in found:
        assert gap["detail"]
        assert gap["what"] in ("whole target", "the rest of the target") or gap["what"].startswith("/redfish/v1/")
        assert "did not answer in time" not in gap["detail"], "it overran its own deadline"
        if place == "one resource" and kind != "expired":  # which ends the session for all that follows
            assert gap["what"].startswith("/redfish/v1/Managers/1/SnmpService")
            assert "ilo.snmp" in gap["kinds"]
    assert world.leaks(said) == []
    assert world.outside() == before
    assert [ilo.sessions for ilo in world.ilos[1:]] == [{}, {}]
    if kind != "lost reply":  # whose session nobody can end: its token was lost
        assert world.hostile.sessions == {}
    world.hostile.sessions.clear()
    kept, paths = world.stored()
    assert world.leaks(kept.decode("utf-8", "replace")) == []
    for path in paths:
        assert not {"..", "", ".git"} & set(path.split("/")), path
        assert path.startswith(("hosts/", "unseen/")), path
        assert "passwd" not in path


@pytest.mark.parametrize("kind", [kind for kind in CERTIFICATES if kind != "good"])
def test_a_certificate_that_is_no_good_is_one_gap(
    kind: Any, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD, certificate=kind)) as ilo:
        file = world.root / "auditor.yaml"
        written = file.read_text()
        wrong = ilo.cafile if kind != "self-signed" else world.hostile.cafile
        try:
            file.write_text(written.replace(world.hostile.url, ilo.url).replace(world.hostile.cafile, wrong))
            gaps, said = looked(world, capsys)
        finally:
            file.write_text(written)
        [gap] = gaps.pop("web1/ilo")
        assert gaps == {"web2/ilo": [], "web3/ilo": []}
        assert (gap["what"], gap["cause"]) == ("whole target", "not trusted")
        assert ilo.requests == []
        assert world.leaks(said) == []


@pytest.mark.parametrize("kind", ["huge", "bomb"])
@pytest.mark.parametrize("place", PLACES)
def test_no_more_is_held_of_a_body_than_is_allowed(
    kind: Any, place: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(world, capsys)  # what is loaded at the first use is not the body's
    path, method = PLACES[place]
    world.hostile.faults.add(kind, path, method=method)
    tracemalloc.start()
    try:
        looked(world, capsys)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * 1024 * 1024, f"{most} bytes at once, of bodies of 100 MB and the server's own in this process"


def test_reports_of_findings_hold_no_secret_either(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.hostile.faults.add("malformed", "/SnmpService")
    forms = ["json", "sarif", "html"]
    capsys.readouterr()
    code = main(["check", "all", *(word for form in forms for word in ("--format", f"{form}:told.{form}"))])
    words = capsys.readouterr()
    assert code == 3
    told = [Path(f"told.{form}").read_text() for form in forms]
    assert all("SnmpService" in text for text in told)
    assert world.leaks(words.out + words.err + "".join(told) + "".join(world.said)) == []


def test_the_net_would_catch_a_leak(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    looked(world, capsys)
    token = next(iter(world.tokens))
    logging.getLogger("aiohttp.client").debug("sent %s", {"X-Auth-Token": token})
    try:
        raise AuditorError("it failed") from ValueError(token)
    except AuditorError:
        pass
    assert world.leaks("\n".join(world.said)) == [token]
    assert world.leaks("\n".join(_chains(world.raised))) == [token]
    assert any("asyncio" in said for said in world.said), "libraries are heard"
