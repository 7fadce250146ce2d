"""Requests to a server's own addresses, sent from the machine on which it runs by what it has: bash, or nc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.errors import CollectError
from auditor.surfaces.httpd.carry_out.asking import Request
from auditor.transport.interface import Shell
from auditor.transport.ssh.script import encoded

_LIMIT: Final = 8 * 1024 * 1024
_EACH_S: Final = 4
_SCRIPT: Final = r"""
within=
if timeout -s KILL 9 true 2>/dev/null; then within='timeout -s KILL 3'; fi
by_bash='exec 3<>"/dev/tcp/$1/$2" || exit; printf %b "$3" >&3; head -c 65536 <&3'
while IFS=' ' read -r host port words; do
    if command -v bash >/dev/null 2>&1; then
        a=$($within bash -c "$by_bash" bash "$host" "$port" "$words" 2>/dev/null | tr -d '\0')
    elif command -v nc >/dev/null 2>&1; then
        a=$(printf %b "$words" | $within nc "$host" "$port" 2>/dev/null | head -c 65536 | tr -d '\0')
    else
        a=
    fi
    printf '%s\0' "$a"
done
"""


@dataclass(frozen=True)
class FarAsker:
    """An :class:`auditor.surfaces.httpd.carry_out.asking.Asker` behind a shell.

    Where the machine has neither tool nothing answers, before as after; the process alone then shows that it lives.
    """

    shell: Shell

    async def __call__(self, requests: Sequence[Request], /) -> list[bytes]:
        """The answers, in order, each as far as it is text."""
        if not requests:
            return []
        given = "".join(f"{host} {port} {encoded(words)}\n" for (host, port), words in requests).encode("ascii")
        deadline_s = _EACH_S * len(requests) + 10
        answers = (await self.shell.run(_SCRIPT, given=given, limit=_LIMIT, deadline_s=deadline_s)).split(b"\0")
        if len(answers) != len(requests) + 1 or answers[-1]:
            raise CollectError("the far side's answer is not understood", cause="malformed")
        return answers[:-1]
