"""Odd but plausible httpd trees, made from a seed: what people's editors, generators and migrations leave behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.servers import load_modules

MODULES = ("mpm_event", "authz_core", "alias", "headers", "setenvif", "env", "macro", "rewrite")
"""What the trees load, beside mod_proxy."""

_NAMES = ("A", "b", "Port", "ROOT_DIR", "x.y", "a")
_ENDS = ("\n", "\n", "\n", "\r\n", " \n", "\t\n", " \r\n")
_BLANKS = ("", "", "", " ", "\t", "   ", "\v", "\f")
_SECTIONS = (
    ("VirtualHost", ("*:8080", "*", "_default_:8081", "[::1]:8080 127.0.0.1", "127.0.0.1:*", '"*:8080"')),
    ("Location", ("/a", '"/a b"', "~ ^/x", "/%7Eu", "/a>b")),
    ("LocationMatch", ("^/x#y", '"^/(a|b)$"')),
    ("Directory", ("/srv", '"/srv/a b"', "~ ^/s")),
    ("Files", ("*.php", '"a b"')),
    ("If", ('"true"', "\"%{HTTP_HOST} == 'x'\"", '"-n %{QUERY_STRING}"')),
    ("Proxy", ("*", "http://127.0.0.1/", '"http://127.0.0.1/a"')),
)
_INNER = {
    "VirtualHost": ("Location", "LocationMatch", "Directory", "Files", "If", "Proxy"),
    "Location": ("If",),
    "LocationMatch": ("If",),
    "Directory": ("Files", "If"),
    "Files": ("If",),
    "Proxy": ("If",),
    "If": ("Files",),
}
_CONDITIONS = (
    ("IfModule", ("alias_module", "mod_alias.c", "Mod_Alias.c", "none_module", "!none_module", "!mod_alias.c", "core.c",
                  '"alias_module"', "mod_so.c", "so_module", "event.c", "mpm_event_module", "mod_event.c",
                  "!mod_none.c extra")),
    ("IfDefine", ("A", "b", "!A", "B", "Port", "!x.y", '"A"', "FROM_OUTSIDE")),
    ("IfVersion", (">= 2.4", "< 2.4.0", "= 2.4", "2.4.71", "~ ^2.4", "!< 2", "/^2\\.[24]/", "> 2.4.7", "<= 2.4.7")),
    ("IfFile", ("httpd.conf", '"none here"', "!none", "extra", "extra/a.conf", "!extra/*.conf")),
    ("IfDirective", ("Redirect", "!Redirect", "ProxyPass", "timeout", "!NoSuchThing", "Include")),
    ("IfSection", ("Proxy", "Location", "!Proxy")),
)  # fmt: skip


class OddTree:
    """A tree of a main file, included files and directories; written by :meth:`write`."""

    def __init__(self, seed: int, *, decidable: bool = True) -> None:
        self._random = random.Random(seed)
        self._decidable = decidable
        self._files: dict[str, str] = {}
        self._macros: dict[str, int] = {}
        self._counter = 0

    def write(self, root: Path) -> None:
        """Writes the tree; its main file is ``httpd.conf``."""
        body = self._lines(0, "")
        head = (
            f'ServerRoot "{root}"\nServerName main.example\nPidFile logs/pid\nErrorLog logs/error\n'
            f"DefaultRuntimeDir logs\nListen 127.0.0.1:8080\n{load_modules(*MODULES, 'proxy', 'proxy_http')}"
        )
        (root / "logs").mkdir(parents=True, exist_ok=True)
        for name, text in {**self._files, "httpd.conf": head + body}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("latin-1"))

    def _pick(self, choices: tuple[str, ...]) -> str:
        return self._random.choice(choices)

    def _number(self) -> int:
        self._counter += 1
        return self._counter

    def _lines(self, depth: int, section: str) -> str:
        makers: list[tuple[int, Callable[[int, str], str]]] = [
            (9, self._plain), (3, self._comment), (3, self._define), (3, self._section), (4, self._condition),
            (2, self._include), (2, self._macro), (2, self._use), (1, self._long), (1, self._nothing), (1, self._nul),
        ]  # fmt: skip
        weights = [weight for weight, _ in makers]
        count = self._random.randrange(2, 9 if depth else 24)
        chosen = self._random.choices([maker for _, maker in makers], weights, k=count)
        return "".join(maker(depth, section) for maker in chosen)

    def _line(self, text: str) -> str:
        """One directive as people write it: indented, in any case, broken over lines, with any line end."""
        name, space, rest = text.partition(" ")
        case = self._random.randrange(8)
        name = name.upper() if case == 0 else name.lower() if case == 1 else name
        gap = self._pick((" ", " ", " ", "  ", "\t", " \\\n", " \\\r\n  ", "\t\\\n\\\n")) if space else ""
        if self._random.randrange(12) == 0 and " " in rest and '"' not in rest:
            rest = rest.replace(" ", " \\\n ", 1)
        return f"{self._pick(_BLANKS)}{name}{gap}{rest}{self._pick(_ENDS)}"

    def _plain(self, depth: int, section: str) -> str:
        number = self._number()
        return self._line(
            self._pick((
                f"PassEnv v{number} ${{A}}",
                f'PassEnv v{number} "a # b"',
                f"PassEnv v{number} ${{b}}-${{none}}-\\${{A}}",
                f"PassEnv v{number} 'it''s'",
                f'PassEnv v{number} "a\\"b" ',
                f"PassEnv v{number} c:\\\\dir\\\\",
                f"PassEnv v{number} \xe9\x85\xa0x",
                f"PassEnv v{number} x#y",
                f"PassEnv v{number} ${{FROM_ENVIRONMENT}}",
                f"PassEnv v{number} ${{",
                f"PassEnv v{number} back\\ slash",
                f"BrowserMatch x{number} y=${{Port}}",
                f"Redirect /r{number} http://x/#frag",
                f"PassEnv v{number}",
            ))
        )  # fmt: skip

    def _comment(self, depth: int, section: str) -> str:
        number = self._number()
        return self._pick((
            f"# PassEnv no{number} x\n",
            f"# continued \\\nPassEnv no{number} hidden\n",
            f"# blank behind \\ \nPassEnv yes{number} seen\n",
            f"  # ${{A}} \\\r\nPassEnv no{number} hidden\r\n",
            f"#\\\n\\\nPassEnv no{number}\n",
            f"#\nPassEnv yes{number} x\n",
            f"# </VirtualHost> <IfDefine no{number}>\n",
        ))  # fmt: skip

    def _define(self, depth: int, section: str) -> str:
        name, number = self._pick(_NAMES), self._number()
        choice = self._random.randrange(8)
        if section:  # httpd warns or refuses; seldom written
            return ""
        if choice == 0:
            return self._line(f"UnDefine {name}")
        if choice == 1:
            return self._line(f"Define {name}")
        value = self._pick((f"v{number}", f'"v {number}"', "${b}", "1${A}2", "${none}", "''", "80${Port}", "a\\\\b"))
        return self._line(f"Define {name} {value}")

    def _section(self, depth: int, section: str) -> str:
        if depth > 3:
            return ""
        allowed = [one for one in _SECTIONS if (one[0] in _INNER.get(section, ()) if section else True)]
        if not allowed:
            return ""
        name, arguments = self._random.choice(allowed)
        shown = self._pick((name, name, name.lower(), name.upper()))
        end = self._pick((name, name, name.lower()))
        gap = self._pick((" ", " ", "  ", "\t", " \\\n"))
        return (
            f"{self._pick(_BLANKS)}<{shown}{gap}{self._pick(arguments)}>{self._pick(('', '', ' '))}\n"
            f"{self._lines(depth + 1, name)}{self._pick(_BLANKS)}</{end}>{self._pick(_ENDS)}"
        )

    def _condition(self, depth: int, section: str) -> str:
        if depth > 4:
            return ""
        kinds = _CONDITIONS[:4] if self._decidable else _CONDITIONS
        name, arguments = self._random.choice(kinds)
        shown = self._pick((name, name, name.lower(), name.upper()))
        gap = self._pick((" ", " ", "  ", "\t"))
        return (
            f"{self._pick(_BLANKS)}<{shown}{gap}{self._pick(arguments)}>\n{self._lines(depth + 1, section)}</{shown}>\n"
        )

    def _include(self, depth: int, section: str) -> str:
        if depth > 2:
            return ""
        number = self._number()
        folder = f"extra/d{number}"
        for name in ("b.conf", "a.conf", "B.conf", ".hidden.conf", "z.conf~", "sub/c.conf")[
            : self._random.randrange(1, 7)
        ]:
            text = self._lines(depth + 2, section)
            self._files[f"{folder}/{name}"] = text if self._random.randrange(4) else text.rstrip("\r\n\\")
        return self._line(
            self._pick((
                f"Include {folder}/*.conf",
                f"Include {folder}",
                f"Include {folder}/",
                f"IncludeOptional {folder}/*/*.conf",
                f"IncludeOptional {folder}/[ab]*",
                f"IncludeOptional {folder}/../d{number}/?.conf",
                f"IncludeOptional {folder}/none*.conf",
                f'Include "{folder}/./b.conf"',
                f"Include {folder}//b.conf",
                "IncludeOptional extra/d*/a.conf.none",
                f"IncludeOptional {folder}/none.conf",
            ))
        )  # fmt: skip

    def _macro(self, depth: int, section: str) -> str:
        if section or depth > 1:
            return ""
        number = self._number()
        parameters = self._pick(("", "$a", "$a $b", "$a $ab", "%x @y", "${c}"))
        shown = self._pick((f"M{number}", f"mac{number}"))
        self._macros[shown] = len(parameters.split())
        body = "".join(
            self._pick((
                f"  PassEnv m{number} $a\n", "  # a comment $a\n", "\n", f"  PassEnv m{number} \"$b %x @y\"\n",
                f"  PassEnv m{number} ${{A}}$ab \\\n  more\n" if parameters != "${c}" else "PassEnv q ${c}\n",
                f"<IfDefine $a>\n PassEnv in{number} $a\n</IfDefine>\n",
                f"<Files $a>\nPassEnv f{number} x\n</Files>\n" if section != "If" else "",
            ))
            for _ in range(self._random.randrange(1, 6))
        )  # fmt: skip
        return f"<Macro {shown} {parameters}>\n{body}</Macro>\n"

    def _use(self, depth: int, section: str) -> str:
        if not self._macros or section in ("If", "Files"):
            return ""
        name = self._random.choice(sorted(self._macros))
        values = " ".join(
            self._pick(("A", '"two words"', "${b}", "v1", "'#'", "x$b", "none")) for _ in range(self._macros[name])
        )
        return self._line(f"Use {self._pick((name, name.lower(), name.upper()))} {values}".rstrip(" "))

    def _long(self, depth: int, section: str) -> str:
        number = self._number()
        return f"PassEnv long{number} {'x' * self._random.choice((8180, 8191, 8192, 20_000))}\n"

    def _nothing(self, depth: int, section: str) -> str:
        return self._pick(("\n", " \t \n", "\\\n\n", "\v\n", "\r\n"))

    def _nul(self, depth: int, section: str) -> str:
        number = self._number()
        return self._pick((
            f"PassEnv nul{number} a\0b\n", f"PassEnv tab{number}\ta\tb\n", f"PassEnv cr{number} a\rb\n", "\0\n",
            f"PassEnv fs{number}\x1c a\n",
        ))  # fmt: skip
