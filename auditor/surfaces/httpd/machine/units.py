"""The service files that start a server: which environment files they name. Pure."""

from __future__ import annotations

import posixpath

from auditor.surfaces.httpd.machine.answer import Answer
from auditor.surfaces.httpd.machine.processes import Parent


def environment_files(answer: Answer, parent: Parent | None, program: str) -> tuple[tuple[str, str], ...]:
    """The environment files of the unit that starts the server, each with the unit or drop-in that names it.

    The unit is the running server's own, else the one whose ExecStart names the program. An empty ``EnvironmentFile=``
    forgets those before it, as systemd does.
    """
    texts = _texts(answer)
    unit = parent.unit if parent is not None and parent.unit in texts else ""
    if not unit:
        unit = next((name for name, lines in texts.items() if any(_starts(line, program) for _, line in lines)), "")
    found: dict[str, str] = {}
    for place, line in texts.get(unit, []):
        name, _, value = line.partition("=")
        if name == "EnvironmentFile":
            path = value.strip().strip('"').lstrip("-")
            if not path:
                found.clear()
            elif path.startswith("/"):
                found[path] = place
    return tuple(found.items())


def _starts(line: str, program: str) -> bool:
    name, _, value = line.partition("=")
    words = value.split()
    return bool(program and name == "ExecStart" and words and words[0].lstrip("-@:+!") == program)


def _texts(answer: Answer) -> dict[str, list[tuple[str, str]]]:
    """By unit the lines of its file and drop-ins, each with where it stands; a file of /etc replaces the vendor's."""
    main: dict[str, list[tuple[str, str]]] = {}
    drops: dict[str, list[tuple[str, str]]] = {}
    where: list[tuple[str, str]] = []
    for line in answer.part("units").lines:
        if line.startswith("file "):
            path = line[5:]
            folder, name = posixpath.split(path)
            where = []
            if folder.endswith(".d"):
                drops.setdefault(posixpath.basename(folder)[:-2], [])
                where = drops[posixpath.basename(folder)[:-2]]
            else:
                main[name] = where = []
            here = path
        else:
            where.append((here, line))
    return {unit: main.get(unit, []) + drops.get(unit, []) for unit in {**main, **drops}}
