"""Files of httpd configurations in every encoding and with every line end, from the corpus and made at random."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests import servers
from tests.fakes.odd_trees import OddTree

CORPUS = Path(__file__).parents[1] / "corpus"

ENCODED = {
    "ascii": ("plain", "value"),
    "latin-1": ("caf\xe9 \xe0 la", "n\xe9"),
    "utf-8": ("設定 表 ソ", "表示"),
    "shift_jis": ("表示 ソフト 能", "予定"),
    "euc_jp": ("表示 ソフト 能", "予定"),
}
"""What comments and values of each encoding hold. In Shift_JIS, 表, ソ, 能 and 予 end in byte 5C."""

HALVES = (
    b"<IfModule mod_proxy.c>\n  <VirtualHost *:80>\n    Timeout 5\n    ServerName a.example\n",
    b"<Macro Open $port>\n<VirtualHost *:$port>\n  Timeout 5\n</Macro>\n<Macro Close>\n  KeepAlive Off\n"
    b"</VirtualHost>\n</Macro>\nUse Open 80\nServerName a.example\nUse Close\nTimeout 9\n",
    b"Use Open 80\nServerName a.example\n</VirtualHost>\nTimeout 9\n",
    b'"<VirtualHost" *:80>\nServerName a.example\n</VirtualHost> text\n<Location \\\n /a>\nSetEnv a b\n</Location>\n',
    b"<Virtual\\\nHost *:80> behind > it\nServerName a.example\n</VirtualHost>\nTimeout 9\n",
    b"Timeout 5 \\\n",
    b"SetEnv a b\\",
    b"# the end is continued \\\n",
    b"",
    b"\n\n",
)
"""Files that httpd accepts, though their sections do not match by themselves, or that end oddly."""


def with_line_ends(content: bytes, how: str, chance: random.Random) -> bytes:
    """The file with other line ends: ``lf``, ``crlf``, ``mixed``, or ``open`` (none behind the last line)."""
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    ends = {"lf": b"\n", "crlf": b"\r\n", "open": b"\n"}
    joined = b"".join(line + (ends.get(how) or chance.choice((b"\n", b"\r\n"))) for line in lines[:-1]) + lines[-1]
    return joined.removesuffix(b"\n") if how == "open" else joined


def in_encoding(content: bytes, encoding: str, chance: random.Random) -> bytes:
    """The file with comments and values of that encoding at some of its lines' beginnings."""
    comment, value = (text.encode(encoding) for text in ENCODED[encoding])
    out: list[bytes] = []
    continued = False
    for line in content.split(b"\n"):
        if not continued and chance.randrange(4) == 0:
            out.append(
                chance.choice((b"# " + comment, b"  # " + value + b" ", b'PassEnv "' + value + b'" x', b"#" + value))
            )
        out.append(line)
        continued = line.removesuffix(b"\r").endswith(b"\\")
    return b"\n".join(out)


@cache
def plain_files() -> tuple[bytes, ...]:
    """The files of the corpus, of Debian where they are at hand, and of odd trees made at random."""
    found: dict[bytes, None] = dict.fromkeys(HALVES)
    for folder in (CORPUS / "httpd/odd", CORPUS / "secrets/httpd/tree", CORPUS / "sound/httpd"):
        found |= dict.fromkeys(path.read_bytes() for path in sorted(folder.rglob("*.conf*")) if path.is_file())
    debian = servers.debian_tree()
    if debian is not None:
        found |= dict.fromkeys(path.read_bytes() for path in sorted(debian.rglob("*.conf")) if path.is_file())
    for seed in range(1, 31):
        with tempfile.TemporaryDirectory() as folder_name:
            OddTree(seed).write(Path(folder_name))
            paths = sorted(path for path in Path(folder_name).rglob("*") if path.is_file())
            found |= dict.fromkeys(path.read_bytes() for path in paths)
    return tuple(found)


def every_file(seed: int) -> Iterator[bytes]:
    """Each plain file in one of the encodings, with one of the line ends; another seed pairs them otherwise."""
    chance = random.Random(seed)
    encodings = list(ENCODED)
    for number, content in enumerate(plain_files()):
        encoding = encodings[(number + seed) % len(encodings)]
        how = chance.choice(("lf", "crlf", "mixed", "open"))
        yield with_line_ends(in_encoding(content, encoding, chance), how, chance)
