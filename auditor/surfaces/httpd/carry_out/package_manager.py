"""The package manager of a target's machine, through a shell there, with the tree as it was before it did anything."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import ApplyError, CollectError
from auditor.model.plan import PackageVersions
from auditor.surfaces.httpd.carry_out.package_answers import Offers, Trial, offers_of, rpm_order, trial_of
from auditor.transport.interface import Shell

_ASKED_S: Final = 300.0
_POLL_S: Final = 20
_LIMIT: Final = 8 * 1024 * 1024


@cache
def _script() -> str:
    return Path(__file__).with_name("packages.sh").read_text("utf-8")


class Ended(msgspec.Struct, frozen=True):
    """How a transaction stands: ``ended`` with a code, ``running``, ``broken`` off, or ``none`` was begun."""

    state: str
    code: int
    text: str


class TreeChanges(msgspec.Struct, frozen=True):
    """What became of a tree's entries since it was kept, by name."""

    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageManager:
    """``folder`` is the plan's own on that machine, with a part for each run by its label.

    ``environment`` gives what the tools are looked for with.
    """

    shell: Shell
    folder: str
    root: str
    manager: str
    environment: Callable[[], Awaitable[Mapping[str, str]]]

    async def offers(self, names: Sequence[str]) -> Offers:
        """What is installed, and what the repositories offer. Errors: CollectError."""
        return offers_of(await self._ask("look", *names))

    async def trial(self, tool: str, change: PackageVersions) -> Trial:
        """What the transaction would do, by the manager itself; nothing is done. Errors: CollectError."""
        return trial_of(await self._ask("try", *_words(tool, change)))

    async def keep_tree(self, label: str) -> str:
        """Keeps a copy of the tree as a run finds it, once; empty, or why it cannot be kept."""
        said = (await self._text("keep", self._at(label), self.root)).strip()
        return "" if said == "kept" else said.removeprefix("no ") or "no answer"

    async def start(self, label: str, tool: str, change: PackageVersions) -> str:
        """Begins the transaction, unless it was begun under this label; empty, or why it was not."""
        said = (await self._text("start", self._at(label), *_words(tool, change))).strip()
        return "" if said == "started" else said.removeprefix("no ") or "no answer"

    async def ended(self, label: str, within_s: float) -> Ended:
        """Waits for the transaction of a label."""
        until = time.monotonic() + within_s
        while True:
            left = max(0, min(_POLL_S, int(until - time.monotonic())))
            said = await self._text("wait", self._at(label), str(left))
            head, _, text = said.partition("\n")
            word, _, code = head.partition(" ")
            if word not in ("ended", "running", "broken", "none"):
                raise CollectError("how the transaction stands was not told", cause="malformed")
            if word != "running" or time.monotonic() >= until:
                return Ended(word, int(code) if code.lstrip("-").isdigit() else -1, _last_words(text))

    async def mend(self) -> None:
        """Brings to its end what the manager was killed in, where it knows how."""
        await self._text("mend")

    async def mark(self, label: str) -> None:
        """Remembers the tree as the packages of a run left it. Errors: ApplyError: it is not said that it is."""
        said = (await self._text("mark", self._at(label), self.root)).strip()
        if said != "marked":
            raise ApplyError("how the packages left the tree cannot be remembered, and without that nothing goes back.")

    async def since(self, label: str) -> TreeChanges | None:
        """What of the tree is not as the packages of a run left it; None where that was not remembered."""
        return await self._compared("since", label)

    async def changes(self, label: str) -> TreeChanges | None:
        """What of the tree is not as a run found it; None where nothing was kept."""
        return await self._compared("compare", label)

    async def _compared(self, verb: str, label: str) -> TreeChanges | None:
        lines = (await self._text(verb, self._at(label), self.root)).split("\n")
        if lines[0] != "compared":
            return None
        if lines[-2:] != ["end", ""]:  # what a lost connection has cut off would count as unchanged
            raise CollectError("what became of the tree was not told to its end", cause="malformed")
        found: dict[str, list[str]] = {"changed": [], "gone": [], "new": []}
        for line in lines[1:-2]:
            what, _, name = line.partition("\t")
            found.setdefault(what, []).append(name)
        return TreeChanges(tuple(found["changed"]), tuple(found["gone"]), tuple(found["new"]))

    async def put_back(self, label: str, names: Sequence[str]) -> None:
        """Puts entries of the tree back as a run found them. Errors: ApplyError: one could not be."""
        given = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        lines = (await self._text("back", self._at(label), self.root, given=given)).splitlines()
        failed = [line[3:] for line in lines if line.startswith("no ")]
        if failed or not lines or lines[-1] != "end":
            raise ApplyError(f"of the tree {', '.join(failed[:5]) or 'not all'} could not be put back.")

    async def set_aside(self, label: str, names: Sequence[str]) -> str:
        """Moves entries out of the tree, into the plan's folder, which it gives. Errors: ApplyError: one is left."""
        given = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        lines = (await self._text("aside", self._at(label), self.root, given=given)).splitlines()
        failed = [line[3:] for line in lines if line.startswith("no ")]
        if failed or not lines or lines[-1] != "end":
            raise ApplyError(f"of the tree {', '.join(failed[:5]) or 'not all'} could not be set aside.")
        return f"{self._at(label)}/aside"

    def _at(self, label: str) -> str:
        return f"{self.folder}/packages/{label}"

    async def _text(self, verb: str, *words: str, given: bytes = b"") -> str:
        return (await self._ask(verb, *words, given=given)).decode("utf-8", "surrogateescape")

    async def _ask(self, verb: str, *words: str, given: bytes = b"") -> bytes:
        path = (await self.environment()).get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        arguments = (verb, path, self.manager, *words)
        return await self.shell.run(_script(), arguments, given=given, limit=_LIMIT, deadline_s=_ASKED_S)


def _words(tool: str, change: PackageVersions) -> tuple[str, ...]:
    """What the manager is told. yum 3 has a word of its own for going back; dnf installs whatever version is named."""
    if tool == "apt-get":
        return tuple(f"{name}={after}" for name, _, after in change.packages)
    back = tool == "yum" and all(rpm_order(after, before) < 0 for _, before, after in change.packages)
    return ("downgrade" if back else "install", *(f"{name}-{after}" for name, _, after in change.packages))


def mixed(tool: str, change: PackageVersions) -> bool:
    """Whether yum would need two transactions: it cannot go forward with one package and back with another at once."""
    orders = {rpm_order(after, before) for _, before, after in change.packages}
    return tool == "yum" and len(orders) > 1


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith(("E:", "Error", "error:", "dpkg: error", "Problem"))]
    return "; ".join(wrong[-4:] or lines[-3:])[:600]
