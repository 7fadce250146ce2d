"""A small httpd tree, a plan that edits it, and a server that reads it without being one."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import (
    Cohort,
    Direction,
    DirectiveEdit,
    Disruption,
    FileChange,
    LinkChange,
    Origin,
    Plan,
    Step,
    Wave,
    WholeFile,
)
from auditor.model.target import LocalTree, Target
from auditor.plan.journal import FileJournal, read_entries, runs_of
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.local import LocalMachine
from auditor.surfaces.httpd.carry_out.running import Running
from auditor.surfaces.httpd.carry_out.server import Verdict
from auditor.surfaces.httpd.carry_out.transaction import HttpdTransaction
from auditor.surfaces.httpd.secrets import seal_text
from auditor.surfaces.httpd.whole_files import undone_whole
from auditor.surfaces.interface import ActOptions
from auditor.transport.acts import Acts
from tests.fakes.plans import SEALER

PLAN = "ab" * 32
State = dict[str, tuple[object, ...]]


@dataclass
class FakeServer:
    """Reads the files of a tree as a server would. ``broken`` is text that its check refuses, ``deadly`` text that its
    check passes and its reload dies of."""

    root: Path
    broken: bytes = b"Nonsense"
    deadly: bytes = b"Deadly"
    private_mounts: bool = True
    up: bool = True
    generation: int = 1
    pid: int = 1
    unprobed: str = ""
    pid_file_name: str = "/run/httpd.pid"
    loaded: Mapping[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    command: Sequence[str] = ("/usr/sbin/httpd",)

    async def environment(self) -> Mapping[str, str]:
        return {"LANG": "C", "ODD": "two words; $(touch never)"}

    def starts_with(self, envvars: bytes | None) -> None:
        """Nothing of the environment counts here."""

    def _read(self, bound: Mapping[Path, Path], apart: Sequence[tuple[str, str, str]] = ()) -> dict[str, bytes]:
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                real = path.resolve()
                found[path.relative_to(self.root).as_posix()] = bound.get(real, real).read_bytes()
        for verb, given, name in apart:
            key = Path(name).relative_to(self.root).as_posix()
            found.pop(key, None)
            if verb == "put":
                found[key] = Path(given).read_bytes()
        return found

    async def check(
        self,
        bound: Sequence[tuple[Path, Path]] = (),
        extra: Sequence[str] = (),
        *,
        apart: Sequence[tuple[str, str, str]] = (),
        room: str = "",
    ) -> Verdict | None:
        self.calls.append("check")
        if (bound or apart) and not self.private_mounts:
            return None
        if extra:  # reads absolute paths, so a copy proves nothing
            return Verdict(True, "", (str(self.root / "httpd.conf"),))
        content = self._read({live: new for new, live in bound}, apart)
        if any(self.broken in one for one in content.values()):
            return Verdict(False, "Invalid command 'Nonsense'")
        return Verdict(True, "", tuple(str(self.root / name) for name in content))

    async def running(self, pid_file: str = "") -> Running | None:
        if not self.up or pid_file:
            return None
        children, addresses = frozenset({(self.generation, "1")}), (("127.0.0.1", 80),)
        return Running(self.pid, "1", children, addresses, frozenset(), self.generation)

    async def reload(self) -> None:
        self.calls.append("reload")
        self._load()

    async def pid_file(self) -> str:
        return self.pid_file_name

    async def restart(self) -> None:
        self.calls.append("restart")
        self._load()

    async def stop(self, running: Running) -> None:
        self.calls.append("stop")
        assert self.up
        assert running.pid == self.pid
        self.up = False

    async def start(self, unit: str = "") -> None:
        self.calls.append("start")
        assert not self.up
        self.pid += 1
        self.up = True
        self._load()

    def _load(self) -> None:
        self.loaded = self._read({})
        self.generation += 1
        if any(self.deadly in one for one in self.loaded.values()):
            self.up = False

    async def probe(self) -> str:
        return self.unprobed

    def boot(self) -> None:
        """The machine starts anew, and the server with it."""
        self.pid += 1
        self.up = True
        self._load()

    async def prove(self, before: Running | None, *, anew: bool = False) -> str:
        if not self.up:
            raise ApplyError("the server ended at the reload.")
        return f"reloaded: generation {before.generation} → {self.generation}" if before else "started"


class FakeSurvey:
    """Seals as the collector does; looks at nothing beforehand."""

    def seal(self, name: str, content: bytes) -> bytes:
        return seal_text(content, SEALER)

    def holders(self, digests: frozenset[bytes]) -> Mapping[str, bytes]:
        return {}

    def configuration(self, new: Sequence[tuple[LiveFile, LiveFile]], root: str) -> frozenset[str]:
        return frozenset(live.name for live, _ in new)

    async def preflight(
        self, new: Sequence[tuple[LiveFile, LiveFile]], root: str, way: Disruption, running: Running | None
    ) -> tuple[str, ...]:
        return ()


async def survey() -> FakeSurvey:
    return FakeSurvey()


@dataclass
class World:
    """A tree on disk with its server, and what is needed to change it."""

    folder: Path
    steps: tuple[Step, ...]
    server: FakeServer
    direction: Direction = "forward"

    @property
    def root(self) -> Path:
        return self.folder / "etc"

    @property
    def target(self) -> Target:
        tree = LocalTree(str(self.root), "httpd.conf", ("/usr/sbin/httpd",), state_dir=str(self.folder / "state"))
        return Target("web1", "httpd", tree)

    def journal(self, direction: Direction, acts: Acts | None = None, name: str = "journal") -> FileJournal:
        return FileJournal(self.folder / f"{name}.jsonl", PLAN, "web1/httpd", direction, acts or Acts())

    def transaction(self, journal: FileJournal, acts: Acts | None = None) -> HttpdTransaction:
        wave, cohort = Wave("all", ("web1/httpd",)), Cohort(("web1/httpd",), self.steps, ())
        plan = Plan("r", "a", "", "", Origin("set", ()), (wave,), (cohort,))
        target = self.target
        assert isinstance(target.location, LocalTree)
        options = ActOptions(plan, PLAN, journal, SEALER)
        machine = LocalMachine(target, target.location, "httpd.conf", options, self.server, acts or Acts())
        return HttpdTransaction(target, self.steps, journal.direction, options, machine, survey)

    def state(self) -> dict[str, tuple[object, ...]]:
        """Names, kinds, modes, owners and bytes of the whole tree, and the state of the server."""
        found: dict[str, tuple[object, ...]] = {}
        for path in sorted(self.root.rglob("*")):
            status = path.lstat()
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            found[path.relative_to(self.root).as_posix()] = (
                stat.S_IFMT(status.st_mode),
                stat.S_IMODE(status.st_mode),
                status.st_uid,
                status.st_gid,
                content,
            )
        return found


def edit(file: str, line: int, before: str, after: str, *, identity: str = "") -> Step:
    """A step that replaces one line."""
    change = DirectiveEdit(file, line, line, before, after)
    undo = DirectiveEdit(file, line, line + after.count("\n") - 1, after, before)
    return Step(identity or f"{file}:{line}", "why", change, undo, "reload", (), ())


def make_world(folder: Path, steps: tuple[Step, ...] = ()) -> World:
    """A tree with two files, one of them reached by a link, with owner, mode and odd bytes of their own."""
    root = folder / "etc"
    (root / "sites-available").mkdir(parents=True)
    (root / "sites-enabled").mkdir()
    (root / "httpd.conf").write_bytes(b"# main\nServerName a\nTimeout 60\nProxyTimeout 10\n")
    (root / "httpd.conf").chmod(0o640)
    (root / "sites-available/shop.conf").write_bytes(b"# caf\xe9\r\nProxyTimeout 300\r\nKeepAlive On\r\n")
    (root / "sites-enabled/shop.conf").symlink_to("../sites-available/shop.conf")
    if os.geteuid() == 0:
        os.chown(root / "sites-available/shop.conf", 12, 34)
    both = (
        edit("httpd.conf", 3, "Timeout 60\n", "Timeout 30\n"),
        edit("sites-enabled/shop.conf", 2, "ProxyTimeout 300\r\n", "ProxyTimeout 60\r\n"),
    )
    world = World(folder, steps or both, FakeServer(root))
    world.server.loaded = world.server._read({})
    return world


def whole(content: str, mode: int = 0o644, owner: int | None = None) -> WholeFile:
    """A whole file of the user who runs this, or of another."""
    name = str(os.geteuid() if owner is None else owner)
    return WholeFile(content, SEALER.fingerprint(content.encode("latin-1")), mode, name, name)


def file_step(file: str, before: WholeFile | None, after: WholeFile | None) -> Step:
    """A step that creates, replaces or deletes a file."""
    change = FileChange(file, before, after)
    return Step(file, "why", change, undone_whole(change), "reload", (), ())


def link_step(link: str, before: str | None, after: str | None) -> Step:
    """A step that creates or removes a link, or leads it elsewhere."""
    change = LinkChange(link, before, after)
    return Step(link, "why", change, undone_whole(change), "reload", (), ())


def make_whole_world(folder: Path) -> World:
    """The same tree with more in it, and a plan that holds every kind of step of whole files and links."""
    world = make_world(folder)
    (world.root / "conf.d").mkdir()
    old, page = whole("# caf\xe9\r\nKeepAlive Off\r\n", 0o600, 12 if os.geteuid() == 0 else None), whole("<p>1</p>\n")
    for name, one in (("old.conf", old), ("page.html", page)):
        path = world.root / "conf.d" / name
        path.write_bytes(one.content.encode("latin-1"))
        path.chmod(one.mode)
        os.chown(path, int(one.owner), int(one.group))
    (world.root / "sites-enabled/old.conf").symlink_to("../conf.d/old.conf")
    (world.root / "sites-enabled/led.conf").symlink_to("../sites-available/shop.conf")
    if os.geteuid() == 0:
        for link in ("old.conf", "led.conf"):
            os.lchown(world.root / "sites-enabled" / link, 12, 34)
    world.steps = (
        file_step("conf.d/old.conf", old, None),
        link_step("sites-enabled/old.conf", "../conf.d/old.conf", None),
        link_step("sites-enabled/new.conf", None, "../conf.d/new.conf"),
        link_step("sites-enabled/led.conf", "../sites-available/shop.conf", "../conf.d/new.conf"),
        file_step("conf.d/page.html", page, whole("<p>2</p>", 0o604)),
        file_step("conf.d/new.conf", None, whole("# \xe9\nTimeout 7\n", 0o640)),
        edit("httpd.conf", 3, "Timeout 60\n", "Timeout 30\n"),
    )
    world.server.loaded = world.server._read({})
    return world


def carry_out(
    world: World, direction: Direction = "forward", acts: Acts | None = None, *, taking_back: bool = True
) -> tuple[str, ...]:
    """One run, as the machine orders it: prepare, perform, and on failure take back (else it ends there and then)."""

    async def run() -> tuple[str, ...]:
        journal = world.journal(direction, acts).open()
        try:
            journal.begin()
            transaction = world.transaction(journal, acts)
            try:
                said = await transaction.prepare()
                try:
                    said += await transaction.perform()
                except (AuditorError, OSError):
                    if not taking_back:
                        raise
                    await transaction.take_back()
                    journal.end("taken back")
                    raise
                journal.end("applied" if direction == "forward" else "rolled back")
                return said
            except RefusedError:
                journal.end("refused")
                raise
            finally:
                await transaction.finish()
        finally:
            journal.close()

    return asyncio.run(run())


def recover(world: World, acts: Acts | None = None) -> None:
    """What the next command does with a run that was ended."""

    async def run() -> None:
        journal = world.journal("forward", acts).open()
        try:
            runs = journal.runs()
            if not runs or not runs[-1].unfinished:
                return
            journal.direction = runs[-1].direction
            transaction = world.transaction(journal, acts)
            try:
                await transaction.take_back()
                journal.end("taken back")
            finally:
                await transaction.finish()
        finally:
            journal.close()

    asyncio.run(run())


def assert_whole(world: World, before: State, after: State, when: str) -> None:
    """Tree and server are as before the run or, where the journal says that it was done, as after it."""
    path = world.folder / "journal.jsonl"
    runs = runs_of(read_entries(path)) if path.exists() else ()
    done = bool(runs) and runs[-1].direction == world.direction and runs[-1].outcome in ("applied", "rolled back")
    expected = after if done else before
    assert world.state() == expected, when
    assert _files(world.server.loaded, expected) == _files(expected, expected), when


def _files(found: Mapping[str, object], state: State) -> dict[str, object]:
    """Of what was found, or of a state itself, what is no link or directory there."""
    other = {name for name, one in state.items() if one[0] != stat.S_IFREG}
    return {name: one[4] if isinstance(one, tuple) else one for name, one in found.items() if name not in other}
