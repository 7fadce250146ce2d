"""The answer of the probe: its parts, and whether it is whole. Pure."""

from __future__ import annotations

import msgspec

from auditor.errors import CollectError


class Part(msgspec.Struct, frozen=True):
    """One part: its lines, and how asking ended: ``ok``, ``absent``, ``refused``, ``timed out``, or a tool's code."""

    status: str
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


_ABSENT = Part("absent")


class Answer:
    """The parts of an answer by name (``processes``, ``version /usr/sbin/httpd``)."""

    def __init__(self, parts: dict[str, Part]) -> None:
        self._parts = parts

    def part(self, name: str) -> Part:
        """A part; one that was not asked for has the status ``absent``."""
        return self._parts.get(name, _ABSENT)

    def about(self, kind: str) -> dict[str, Part]:
        """The parts of a kind by what they are about: ``version`` gives those of each program."""
        return {name[len(kind) + 1 :]: part for name, part in self._parts.items() if name.startswith(f"{kind} ")}


def read_answer(output: bytes) -> Answer:
    """The parts of what the probe wrote.

    Lines that are not UTF-8 keep their bytes as surrogates.

    Errors:
        CollectError: it does not end as the probe ends, so something of it is missing.
    """
    parts: dict[str, Part] = {}
    name, lines = "", list[str]()
    done = False
    for line in output.decode("utf-8", "surrogateescape").split("\n"):
        head, _, rest = line.partition(" ")
        if line.startswith(" "):
            lines.append(line[1:])
        elif head == "begin":
            name, lines = rest, []
        elif head == "end" and name and rest.startswith(f"{name} "):
            parts[name] = Part(rest[len(name) + 1 :], tuple(lines))
            name = ""
        done = line == "done" or (done and not line)
    if not done or name:
        raise CollectError(
            "what the machine said of its httpd was cut off",
            cause="malformed",
            next_step="Run it again; the connection may have been lost.",
        )
    return Answer(parts)
