"""The environment that a distribution starts httpd with, read from its shell files without a shell.

Only what such files really hold is understood: ``NAME=value`` and ``export NAME=value`` with quotes and ``$NAME``,
``${NAME}``, ``${NAME:-default}``. Debian's ``SUFFIX`` is empty unless the tree is called ``apache2-something``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

ENVVARS: Final = "envvars"
"""The file of Debian's tree that the start script reads."""
ARGUMENTS: Final = "APACHE_ARGUMENTS"
"""The variable of it that holds arguments for httpd."""
_ASSIGNMENT: Final = re.compile(r"(?:export[ \t]+)?([A-Za-z_]\w*)=(.*)")
_VALUE: Final = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|((?:[^\s;#'\"\\]|\\.)+)")
_REFERENCE: Final = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^}]*))?\})")
_COMMAND: Final = re.compile(r"\$\(|`")
_DEFINE: Final = re.compile(r"(?:^|\s)-D\s*([^\s'\"]+)")
_MAX_LINES: Final = 5_000
_MAX_VALUE: Final = 64 * 1024


def shell_variables(content: bytes, start: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a shell file sets, later ones winning; what needs a shell to know is left out."""
    known = dict(start or {})
    conditional = 0
    for raw in content.decode("utf-8", "surrogateescape").replace("\\\n", "").split("\n")[:_MAX_LINES]:
        line = raw.strip()
        if re.match(r"(?:if|case|for|while|until)\b", line):
            conditional += 1
        elif re.match(r"(?:fi|esac|done)\b", line):
            conditional = max(0, conditional - 1)
        match = _ASSIGNMENT.match(line)
        if match is None or conditional:
            continue
        value = _value(match[2], known)
        if value is not None and len(value) <= _MAX_VALUE:
            known[match[1]] = value
    return known


def _value(text: str, known: Mapping[str, str]) -> str | None:
    """What the right side of an assignment amounts to, or None where a command would have to be run."""
    out = []
    position = 0
    while match := _VALUE.match(text, position):
        single, double, plain = match.groups()
        piece = single if single is not None else double if double is not None else plain
        if single is None:
            if _COMMAND.search(piece):
                return None
            piece = _REFERENCE.sub(lambda found: known.get(found[1] or found[2]) or found[3] or "", piece)
            piece = re.sub(r"\\(.)", r"\1", piece)
        out.append(piece)
        position = match.end()
    return "".join(out)


def debian_start(root: str) -> dict[str, str]:
    """What Debian's ``envvars`` is given: the tree's place, from which it makes ``SUFFIX``."""
    suffix = root.removeprefix("/etc/apache2-") if root.startswith("/etc/apache2-") else ""
    return {"APACHE_CONFDIR": root, "SUFFIX": f"-{suffix}" if suffix else ""}


def command_line_defines(arguments: str) -> tuple[str, ...]:
    """The names given with ``-D`` in arguments for httpd, in order."""
    return tuple(dict.fromkeys(_DEFINE.findall(arguments)))
