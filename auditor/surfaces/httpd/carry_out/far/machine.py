"""Changing a tree of another machine: one constant script over there does it, a round trip for each part."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import ApplyError, RefusedError
from auditor.model.plan import Direction
from auditor.model.target import SshTree, Target
from auditor.surfaces.httpd.carry_out.backup import Manifest, kept_of
from auditor.surfaces.httpd.carry_out.far import answers
from auditor.surfaces.httpd.carry_out.far.answers import MOST_BYTES, Opened, lines, word_of
from auditor.surfaces.httpd.carry_out.far.shell import FarShell
from auditor.surfaces.httpd.carry_out.files import LiveFile, refusal_of_name
from auditor.surfaces.httpd.carry_out.machine import Pairs
from auditor.surfaces.httpd.carry_out.server import Server
from auditor.surfaces.httpd.carry_out.stage import NOWHERE, Checked, Staged, check_copy, check_mounted, staged_at
from auditor.surfaces.httpd.carry_out.timer import Timer
from auditor.surfaces.interface import ActOptions
from auditor.transport.interface import Shell
from auditor.transport.ssh.script import encoded

_WITHIN_S: Final = 300.0
_WORDS: Final = 1024 * 1024
_UNSEEN: Final = Opened("", "", -1)
_FOLDERS: Final[Mapping[Direction, str]] = {"forward": "before", "back": "before-rollback"}


@cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def script() -> str:
    """The script that changes files."""
    return _text("carry.sh")


@dataclass
class FarMachine:
    """A :class:`auditor.surfaces.httpd.carry_out.machine.Machine` for a tree that is reached over SSH."""

    target: Target
    tree: SshTree
    options: ActOptions
    shell: FarShell
    server: Server
    _opened: Opened = _UNSEEN
    _staged: list[Staged] = field(default_factory=list)

    @property
    def root(self) -> str:
        """Where the tree really stands over there."""
        return self._opened.root

    @property
    def own_folder(self) -> str:
        """The plan's folder over there."""
        return f"{self._opened.state}/plans/{self.options.plan_id}"

    @property
    def timer(self) -> Timer:
        """By the shell of the connection."""
        return Timer(self.shell, self._opened.state, self.options.plan_id, self.options.holder)

    def reached(self, act: str) -> None:
        """Nothing here."""

    def kept_at(self, direction: Direction) -> str:
        """The folder of a backup, on its machine."""
        return f"{self.tree.host}:{self._opened.state}/plans/{self.options.plan_id}/{_FOLDERS[direction]}"

    async def lock(self) -> None:
        """Makes the state folder over there, and locks it."""
        if self._opened.state:
            return
        name = hashlib.sha256(f"{self.target.name}\0{self.tree.path}".encode()).hexdigest()[:16]
        found = answers.opened(await self._run("open", self.tree.state_dir, name, self.tree.path))
        if not isinstance(found, Opened):
            raise RefusedError(f"{self.target.name}: {found}.", untouched="Nothing was changed.")
        await self.shell.lock(f"{found.state}/lock")
        self._opened = found

    async def read(
        self, names: Mapping[str, tuple[str, ...]], *, kept: bool = False, entries: frozenset[str] = frozenset()
    ) -> list[LiveFile | RefusedError]:
        """The live files, in one round trip."""
        asked = {name: links for name, links in names.items() if refusal_of_name(name, links, kept=kept) is None}
        rows: list[tuple[str, str]] = []
        for name, links in asked.items():
            rows += [(_key(name, entries), word_of(name)), *(("link", word_of(link)) for link in links)]
        arguments = (self._opened.root, str(MOST_BYTES))
        answer = await self._ask("read", *arguments, given=lines(*rows), limit=_WORDS + len(asked) * 2 * MOST_BYTES)
        found = dict(zip(asked, answers.files_of(answer, asked, entries), strict=True))
        listed = [found.get(name) or _refusal(name, links, kept) for name, links in names.items()]
        return [self._inside(one) if not kept and isinstance(one, LiveFile) and one.entry else one for one in listed]

    def _inside(self, one: LiveFile) -> LiveFile | RefusedError:
        if one.real.is_relative_to(self.root):
            return one
        return answers.refused(one.name, "it lies outside the tree and cannot be changed from here")

    async def ids(self, owners: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
        """The numbers of users and groups over there."""
        if not owners:
            return []
        rows = [("owner", word_of(user), word_of(group)) for user, group in owners]
        return answers.ids_of(await self._ask("ids", given=lines(*rows)), owners)

    async def stage(self, pairs: Pairs) -> None:
        """Sends the new bytes, each with its sum."""
        rows: list[tuple[str, ...]] = []
        for live, wanted in pairs:
            rows.append(answers.row_of(live, wanted))
            if wanted.kind == "file":
                rows.append(("data", encoded(wanted.content)))
        said = answers.said(await self._ask("stage", given=lines(*rows)))
        if said.word != "staged":
            raise RefusedError(f"{said.why}.", where=pairs[said.number][0].name, untouched="Nothing was changed.")
        folder = Path(self._opened.state, "plans", self.options.plan_id, "stage")
        self._staged = [staged_at(folder / str(number), *pair) for number, pair in enumerate(pairs)]

    async def check(self) -> Checked:
        """In a private mount, where the account has the right to one; else on a copy of links."""
        folder = Path(self._opened.state, "plans", self.options.plan_id, "stage")
        if self._opened.uid == 0:
            checked = await check_mounted(folder, self._staged, self.server, self._places)
            if checked is not None:
                return checked
        if not self.tree.main_file:
            return NOWHERE
        copy = folder / "tree"
        rows = [("edit" if one.edited else one.apart[0], str(one.real), one.given) for one in self._staged]
        given = lines(*((verb, word_of(real), word_of(new)) for verb, real, new in rows))
        words = (self._opened.root, str(copy))
        said = await self.shell.run(_text("copy.sh"), words, given=given, limit=_WORDS, deadline_s=_WITHIN_S)
        if said.strip() != b"copied":
            return NOWHERE
        return await check_copy(copy, self.tree.main_file, self._staged, self.server, self._places)

    async def keep(self, direction: Direction, pairs: Pairs) -> None:
        """Copies each live file beside what this request says of them."""
        kept = tuple(kept_of(live, wanted, self.options.sealer) for live, wanted in pairs)
        manifest = encoded(msgspec.json.encode(Manifest(self.options.plan_id, kept)))
        said = answers.said(await self._ask("keep", _FOLDERS[direction], given=lines((manifest,))))
        if said.word != "kept":
            raise _failed(said, pairs[said.number][0].name, "backed up")

    async def kept(self, direction: Direction) -> Manifest | None:
        """What :meth:`keep` said of the files."""
        answer = await self._ask("kept", _FOLDERS[direction])
        if answer == b"none\n":
            return None
        try:
            return msgspec.json.decode(answer.removeprefix(b"some\n"), type=Manifest)
        except msgspec.MsgspecError as error:
            raise ApplyError(f"the backup cannot be read: {error}.", where=self.kept_at(direction)) from error

    async def kept_bytes(self, direction: Direction, manifest: Manifest) -> list[bytes]:
        """The bytes of the backup, in one round trip."""
        count = len(manifest.files)
        answer = await self._ask("bytes", _FOLDERS[direction], limit=_WORDS + count * MOST_BYTES)
        contents = answers.contents_of(answer, count) if answer.strip() else []
        sealer, kept = self.options.sealer, manifest.files
        if len(contents) != count or any(
            a.digest_of(b, sealer) != a.before for a, b in zip(kept, contents, strict=True)
        ):
            raise ApplyError(
                "the backup is damaged: its bytes do not have the digest that was recorded.",
                where=self.kept_at(direction),
            )
        return contents

    async def replace(self, pairs: Pairs) -> None:
        """All files in one round trip; asked again it goes on where it was."""
        said = answers.said(await self._ask("replace"))
        if said.word not in ("replaced", "already"):
            raise _failed(said, pairs[said.number][0].name, "replaced")

    async def put_back(
        self,
        direction: Direction,
        manifest: Manifest,
        live: Mapping[int, LiveFile],  # noqa: ARG002 - the script knows the others, too
        numbers: Sequence[int],
    ) -> None:
        """All files in one round trip."""
        said = answers.said(await self._ask("back", _FOLDERS[direction], " ".join(map(str, numbers))))
        if said.word != "back":
            raise _failed(said, manifest.files[said.number].name, "restored")

    async def clear(self, names: Sequence[str], entries: frozenset[str] = frozenset()) -> None:
        """See the script."""
        if self._opened.state:
            rows = [(_key(name, entries), word_of(name)) for name in names]
            await self._ask("clear", self._opened.root, given=lines(*rows))

    async def release(self) -> None:
        """Logs out; the lock ends with that."""
        self._opened = _UNSEEN
        await self.shell.close()

    async def _places(self, paths: Sequence[str]) -> list[str]:
        rows = [("path", word_of(path)) for path in paths]
        answer = await self._ask("real", given=lines(*rows), limit=_WORDS * 16)
        return answers.places_of(answer, len(paths))

    async def _ask(self, verb: str, *arguments: str, given: bytes = b"", limit: int = _WORDS) -> bytes:
        return await self._run(verb, self._opened.state, *arguments, given=given, limit=limit)

    async def _run(self, verb: str, state: str, *arguments: str, given: bytes = b"", limit: int = _WORDS) -> bytes:
        words = (verb, state, self.options.plan_id, *arguments)
        return await self.shell.run(script(), words, given=given, limit=limit, deadline_s=_WITHIN_S)


def _key(name: str, entries: frozenset[str]) -> str:
    return "entry" if name in entries else "file"


def _refusal(name: str, links: tuple[str, ...], kept: bool) -> RefusedError:
    return refusal_of_name(name, links, kept=kept) or answers.refused(name, "nothing is said of it")


def _failed(said: answers.Said, name: str, what: str) -> ApplyError:
    """The error of a file that the script could not do; nothing of it is half."""
    if said.word == "changed":
        return ApplyError("it was changed by somebody else while the plan was applied.", where=name)
    if said.word == "damaged":
        return ApplyError("the backup is damaged: its bytes do not have the sum that was recorded.", where=name)
    return ApplyError(f"it cannot be {what}: {said.why or said.word}.", where=name)


def bytes_there(shell: Shell) -> Callable[[str], Awaitable[bytes]]:
    """Gives the bytes of a file behind a shell, none where it cannot be read."""

    async def read(path: str) -> bytes:
        return await shell.run('cat -- "$1" 2>/dev/null; exit 0', (path,), limit=_WORDS, deadline_s=60.0)

    return read
