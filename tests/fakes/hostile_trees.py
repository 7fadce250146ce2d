"""Trees that are made to harm their reader: by size, by depth, by what they include, and by what they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

Files: TypeAlias = dict[str | bytes, str | bytes]

MAIN: Final = "conf/httpd.conf"
HEAD: Final = 'ServerRoot "/etc/httpd"\nListen 80\nServerName a.example\nTimeout 60\nProxyPass /a http://b/\n'


def main(text: str | bytes, **more: str | bytes) -> Files:
    """A tree of a main file that goes on with this text, and of files in ``conf.d`` by name."""
    body = text if isinstance(text, bytes) else text.encode()
    return {MAIN: HEAD.encode() + body, **{f"conf.d/{name}.conf": content for name, content in more.items()}}


def doubling(depth: int, last: str | bytes) -> Files:
    """Files that each include the next one twice: 2 to the power of ``depth`` readings of the last."""
    twice = {f"c{number}": f"Include conf.d/c{number + 1}.conf\n" * 2 for number in range(depth)}
    return main("Include conf.d/c0.conf\n", **twice, **{f"c{depth}": last})


def macros(depth: int, body: str) -> Files:
    """Macros that each use the next one twice."""
    uses = "".join(f"<Macro M{number + 1} $a>\n" + f"Use M{number} $a\n" * 2 + "</Macro>\n" for number in range(depth))
    return main(f"<Macro M0 $a>\n{body}</Macro>\n{uses}Use M{depth} x\n")


TREES: Final[dict[str, Callable[[], Files]]] = {
    "an empty main file": lambda: {MAIN: b""},
    "nothing but NUL": lambda: {MAIN: b"\0" * 100_000},
    "NUL in the middle": lambda: main(
        b"Time\0out 5\n\0\n<Loc\0ation /x>\n</Location>\nServerAlias a\0b\nDefine \0 x\n"
    ),
    "NUL in an include": lambda: main(b"Include conf.d/\0*.conf\nIncludeOptional conf.d/a\0.conf\n", a="Timeout 5\n"),
    "bytes that are no UTF-8": lambda: {
        **main(b"ServerName \xff\xfe\nProxyPass /\xc3 http://\x80/\n<VirtualHost \xff:80>\n</VirtualHost>\n"),
        b"conf.d/x\xff.conf": b"Timeout 5\n",
    },
    "names with line ends": lambda: {
        **main("IncludeOptional conf.d/*.conf\n"),
        "conf.d/a\nb.conf": "Timeout 5\nNonsense\n",
        "conf.d/\x1b[31m.conf": "Nonsense 2\n",
    },
    "a line of 3.9 MB": lambda: main(b"PassEnv " + b"x" * 3_900_000 + b"\n"),
    "a line of 17 MB": lambda: main("Include conf.d/a.conf\n", a=b"PassEnv " + b"x" * 17_000_000 + b"\n"),
    "a line continued 400,000 times": lambda: main(b"PassEnv " + b"x\\\n" * 400_000 + b"\n"),
    "a name of 3.9 MB": lambda: main(b"<" + b"x" * 3_900_000 + b">\n"),
    "100,000 sections in each other": lambda: main("<Location /a>\n" * 100_000 + "</Location>\n" * 100_000),
    "100,000 conditionals that hold": lambda: main("<IfDefine !A>\n" * 100_000 + "</IfDefine>\n" * 100_000),
    "100,000 conditionals that do not": lambda: main("<IfDefine A>\n" * 100_000 + "</IfDefine>\n" * 100_000),
    "100,000 ends": lambda: main("</Location>\n" * 100_000),
    "conditionals that are open": lambda: main(
        "".join(f"<IfModule x{number}.c>\nTimeout {number}\n</IfModule>\n" for number in range(3_000))
    ),
    "conditionals that are open in each other": lambda: main(
        "".join(f"<IfModule x{number}.c>\n" for number in range(3_000)) + "Timeout 5\n"
    ),
    "a file that includes itself": lambda: main("Include conf/httpd.conf\n"),
    "a pattern that includes itself": lambda: main(
        "Include conf.d/*.conf\n", a="Include conf.d/*.conf\n", b="Include conf.d/*.conf\n"
    ),
    "doubling includes of comments": lambda: doubling(30, "#x\n" * 300_000),
    "doubling includes of what is skipped": lambda: doubling(
        30, "<IfDefine A>\n" + "ProxyPass /b http://c/\n" * 100_000 + "</IfDefine>\n"
    ),
    "doubling macros of what is skipped": lambda: macros(
        40, "<IfDefine A>\n" + "ProxyPass /b http://c/\n" * 4_000 + "</IfDefine>\n"
    ),
    "macros whose arguments double": lambda: main(
        "<Macro M0 $a>\nPassEnv $a\n</Macro>\n"
        + "".join(f"<Macro M{number + 1} $a>\nUse M{number} $a$a\n</Macro>\n" for number in range(40))
        + "Use M40 x\n"
    ),
    "a macro that uses itself": lambda: main("<Macro M $a>\nUse M $a$a\n</Macro>\nUse M x\n"),
    "macros that are not closed": lambda: main("<Macro M $a>\n" * 20_000),
    "variables that double": lambda: main(
        f"Define A0 {'x' * 1000}\n"
        + "".join(f"Define A{number + 1} ${{A{number}}}${{A{number}}}\n" for number in range(60))
        + "PassEnv ${A60}\n"
    ),
    "one long value in many lines": lambda: main(f"Define A {'x' * 900_000}\n" + "PassEnv ${A}\n" * 100_000),
    "variables of themselves": lambda: main("Define A ${A}x\n" * 1000 + "Define B ${C}\nDefine C ${B}\nPassEnv ${B}\n"),
    "half variables": lambda: main(
        "PassEnv ${\nPassEnv ${}\nPassEnv ${:}\nPassEnv ${${${A}}}\n" + "${" * 100_000 + "\n"
    ),
    "expressions that never end": lambda: main(
        "RewriteEngine On\nRewriteRule (a+)+$ http://b/ [P]\nProxyPassMatch ^/(.*a){25}$ http://b/$1\n"
        "<LocationMatch (x+x+)+y>\nProxyPass http://c/\n</LocationMatch>\n<IfVersion ~ ((((a*)*)*)*)*x>\nTimeout 1\n"
        "</IfVersion>\n<VirtualHost *:80>\nServerName x\nServerAlias " + "*a" * 300 + "b\n</VirtualHost>\n"
        + f"IncludeOptional conf.d/{'*a' * 60}b\n"
    ),
    "half lines": lambda: main(
        "</Location>\n<>\n< >\n</>\n<Macro>\n</Macro>\n<IfModule>\n</IfModule>\n<If>\n</If>\nUse\nDefine\nInclude\n"
        "ServerRoot\nLoadModule\n\"\n'\n\\\n<\n>\n${}\nDefine a:b c\n<IfVersion>\n</IfVersion>\n<VirtualHost\n" * 50
    ),
    "many aliases": lambda: main(
        "<VirtualHost *:80>\nServerAlias " + " ".join(f"*.h{number}" for number in range(30_000)) + "\n</VirtualHost>\n"
    ),
    "many parameters": lambda: main("ProxyPass /c http://b/ " + "timeout=5 " * 100_000 + "\n"),
    "many log fields": lambda: main('LogFormat "' + "%{a}e" * 100_000 + '" x\nCustomLog l x\n'),
    "numbers that are none": lambda: main(
        f"Timeout {'9' * 5_000}\nProxyTimeout -{'9' * 50}\nKeepAliveTimeout 1e999\n"
        "RequestReadTimeout header=9-,MinRate=x\n"
        f"ProxyPass /d http://b/ timeout={'9' * 5_000} retry=-1 ttl=0x10\nMaxRequestWorkers {'9' * 400}\n"
    ),
    "links in a circle": lambda: {**main("IncludeOptional conf.d/*.conf\n"), "conf.d/a.conf": "-> b.conf",
                                  "conf.d/b.conf": "-> a.conf", "conf.d/up": "-> ../conf.d"},
}  # fmt: skip


def write(root: Path, files: Files) -> None:
    """Writes a tree; a content ``-> TARGET`` is a link."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(root), name if isinstance(name, bytes) else name.encode())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            os.symlink(content[3:], path)
        else:
            Path(os.fsdecode(path)).write_bytes(content if isinstance(content, bytes) else content.encode())
