"""The timer on a target that takes back a change which nobody confirms. One script, for this machine and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from auditor.errors import CollectError, RefusedError
from auditor.surfaces.httpd.carry_out.far.answers import lines, row_of, said
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.interface import Deadline, DeadlineAct
from auditor.transport.interface import Shell
from auditor.transport.ssh.script import encoded

REVERTING: Final = "reverting"
"""What the lock of a target says at its end while an unconfirmed change is taken back; that ends soon."""
FREED_WITHIN_S: Final = 90.0
_WITHIN_S: Final = 200.0
_LIMIT: Final = 64 * 1024
_STATES: Final = ("pending", "confirmed", "disarmed", "reverting", "reverted", "none")


@cache
def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


@dataclass(frozen=True)
class StartedBy:
    """How a server is started: command and environment, and whether it ran when it was looked at last.

    ``verb`` is what it is told (``-k``) once its files are as before, ``unit`` the service that it runs as.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    running: bool
    verb: str = "graceful"
    unit: str = ""


@dataclass(frozen=True)
class Timer:
    """The timer of one plan, kept in a target's state folder on the machine behind a shell."""

    shell: Shell
    state: str
    plan_id: str
    holder: str

    async def arm(self, seconds: int, pairs: Sequence[tuple[LiveFile, LiveFile]], server: StartedBy) -> str:
        """Starts it, before anything is changed; gives what starts the taking back.

        Errors:
            RefusedError: it cannot be kept or started there.
        """
        rows: list[tuple[str, ...]] = [("script", encoded(_script("revert.sh").encode()))]
        rows += [("env", name, _word(value)) for name, value in server.environment.items()]
        rows += [("word", _word(word)) for word in server.command]
        rows.append(("running", "1" if server.running else "0", server.verb, *([server.unit] if server.unit else [])))
        rows += [row_of(live, wanted) for live, wanted in pairs]
        answer = await self._run("arm", str(seconds), self.holder, given=lines(*rows))
        word = said(answer) if not answer.startswith(b"armed ") else None
        if word is not None:
            name = pairs[word.number][0].name
            why = word.why or "it was changed by somebody else while the plan was applied"
            raise RefusedError(
                f"the change cannot be made to revert by itself: {why}.",
                where=name,
                untouched="Nothing was changed.",
                next_step="Name a  state_dir  that suits in the inventory, or apply it without  --confirm-within.",
            )
        return answer.decode("utf-8", "replace").strip().removeprefix("armed ")

    async def decide(self, act: DeadlineAct) -> Deadline:
        """Confirms, disarms, finishes a taking back that was broken off, or only asks; gives how it then stands."""
        rows = (await self._run(act)).decode("utf-8", "replace").rstrip().split("\n")
        state = rows[-1].strip()
        if state not in _STATES:
            raise CollectError("the far side's answer about its timer is not understood", cause="malformed")
        if state != "reverted":
            return Deadline(state)
        left, when, *how = (*(row.strip() for row in rows[:-1]), "", "")
        numbers = tuple(int(one) for one in left.split() if one.isdigit())
        return Deadline(state, when, " ".join(" ".join(how).split())[:600], numbers)

    async def _run(self, verb: str, *arguments: str, given: bytes = b"") -> bytes:
        words = (verb, self.state, self.plan_id, *arguments)
        return await self.shell.run(_script("timer.sh"), words, given=given, limit=_LIMIT, deadline_s=_WITHIN_S)


def _word(text: str) -> str:
    return encoded(text.encode("utf-8", "surrogateescape"))
