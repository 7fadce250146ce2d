"""Odd but plausible httpd trees, made from a seed: what people's editors, generators and migrations leave behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.servers import load_modules

MODULES = ("mpm_event", "authz_core", "alias", "headers", "setenvif", "env", "macro", "rewrite")
"""What the trees load, beside mod_proxy."""

_PLACE = "@ROOT@"

_NAMES = ("A", "b", "Port", "ROOT_DIR", "x.y", "a")
_ENDS = ("\n", "\n", "\n", "\r\n", " \n", "\t\n", " \r\n")
_BLANKS = ("", "", "", " ", "\t", "   ", "\v", "\f")
_SECTIONS = (
    ("VirtualHost", ("*:8080", "*", "_default_:8081", "[::1]:8080 127.0.0.1", "127.0.0.1:*", '"*:8080"')),
    ("Location", ("/a", '"/a b"', "~ ^/x", "/%7Eu", "/a>b", "'/a b'")),
    ("LocationMatch", ("^/x#y", '"^/(a|b)$"')),
    ("Directory", ("/srv", '"/srv/a b"', "~ ^/s")),
    ("Files", ("*.php", '"a b"', "'a b'", '"*.[pP]hp"', '~ "\\.(gif|png)$"')),
    ("If", ('"true"', "\"%{HTTP_HOST} == 'x'\"", '"-n %{QUERY_STRING}"', "true", '"%{REQUEST_URI} =~ m#^/a>b#"')),
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
                  "!mod_none.c extra", "'mod_alias.c'", '!"mod_alias.c"')),
    ("IfDefine", ("A", "b", "!A", "B", "Port", "!x.y", '"A"', "FROM_OUTSIDE")),
    ("IfVersion", (">= 2.4", "< 2.4.0", "= 2.4", "2.4.71", "~ ^2.4", "!< 2", "/^2\\.[24]/", "> 2.4.7", "<= 2.4.7")),
    ("IfFile", ("httpd.conf", '"none here"', "!none", "extra", "extra/a.conf", "!extra/*.conf", "logs",
                "./extra/../logs", f"{_PLACE}/httpd.conf", f'!"{_PLACE}/httpd.conf"', "'extra/here.conf'")),
    ("IfDirective", ("Redirect", "!Redirect", "ProxyPass", "timeout", "!NoSuchThing", "Include", "NoSuchThing",
                     "'ReDirect'", "!SSLEngine", '!"PassEnv"', "<Proxy")),
    ("IfSection", ("Proxy", "Location", "!Proxy", "NoSuchThing", "iffile", "!MDomainSet", '"If"', "<Proxy", "PassEnv")),
)  # fmt: skip


class OddTree:
    """A tree of a main file, included files and directories; written by :meth:`write`.

    ``startable`` leaves out what httpd would refuse; else a line that is continued by mistake may swallow a tag, and a
    section may stand where it must not.
    """

    def __init__(self, seed: int, *, startable: bool = True) -> None:
        self._random = random.Random(seed)
        self._startable = startable
        self._files: dict[str, str] = {}
        self._macros: dict[str, int] = {}
        self._counter = 0
        self._around: list[str] = []  # sections and conditionals that are open
        self._server_root = ""  # below the tree

    def write(self, root: Path) -> None:
        """Writes the tree; its main file is ``httpd.conf``."""
        body = self._lines(0, "")
        head = (
            f'ServerRoot "{_PLACE}"\nServerName main.example\nPidFile logs/pid\nErrorLog logs/error\n'
            f"DefaultRuntimeDir logs\nListen 127.0.0.1:8080\n{load_modules(*MODULES, 'proxy', 'proxy_http')}"
        )
        for logs in ("logs", "extra/logs"):
            (root / logs).mkdir(parents=True, exist_ok=True)
        for name, text in {**self._files, "extra/here.conf": "", "httpd.conf": head + body}.items():
            if self._random.randrange(5) == 0:
                text = text.replace("\r\n", "\n").replace("\n", "\r\n")
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.replace(_PLACE, str(root)).encode("latin-1"))

    def _pick(self, choices: tuple[str, ...]) -> str:
        return self._random.choice(choices)

    def _number(self) -> int:
        self._counter += 1
        return self._counter

    def _lines(self, depth: int, section: str) -> str:
        makers: list[tuple[int, Callable[[int, str], str]]] = [
            (9, self._plain), (3, self._comment), (3, self._define), (3, self._section), (4, self._condition),
            (2, self._include), (1, self._folders), (2, self._macro), (2, self._use), (1, self._long),
            (1, self._nothing), (1, self._nul), (1, self._move),
        ]  # fmt: skip
        weights = [weight for weight, _ in makers]
        count = self._random.randrange(2, 9 if depth else 24)
        chosen = self._random.choices([maker for _, maker in makers], weights, k=count)
        return "".join(maker(depth, section) for maker in chosen)

    def _inside(self, depth: int, name: str, section: str) -> str:
        self._around.append(name.lower())
        lines = self._lines(depth + 1, section)
        self._around.pop()
        return lines

    def _line(self, text: str) -> str:
        """One directive as people write it: indented, in any case, broken over lines, with any line end."""
        name, space, rest = text.partition(" ")
        gap = self._pick((" ", " ", " ", "  ", "\t", " \\\n", " \\\r\n  ", "\t\\\n\\\n")) if space else ""
        if self._random.randrange(12) == 0 and " " in rest and '"' not in rest:
            rest = rest.replace(" ", " \\\n ", 1)
        line = f"{self._pick(_BLANKS)}{self._cased(name)}{gap}{rest}{self._pick(_ENDS)}"
        if self._startable and line.endswith(("\\\n", "\\\r\n")):  # continued, and by what must not swallow a tag
            line += f"PassEnv swallowed{self._number()}\n"
        return line

    def _cased(self, name: str) -> str:
        case = self._random.randrange(10)
        if case > 2:
            return name
        mixed = "".join(self._pick(pair) for pair in zip(name.lower(), name.upper(), strict=True))
        return (name.upper(), name.lower(), mixed)[case]

    def _tag(self, text: str, end: str = "\n") -> str:
        """A tag, seldom broken in the midst of a word."""
        if self._random.randrange(10) == 0:
            at = self._random.randrange(1, len(text))
            end_here = self._pick(("\n", "\r\n"))
            text = f"{text[:at]}\\{end_here}{text[at:]}"
        return f"{self._pick(_BLANKS)}{text}{end}"

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
        if self._startable and any("location" in one or one == "proxy" for one in self._around):
            allowed = [one for one in allowed if one[0] != "Files"]
        if not allowed:
            return ""
        name, arguments = self._random.choice(allowed)
        written = self._one_section(depth, name, f" {self._pick(arguments)}")
        if name == "If" and self._random.randrange(2):
            written += self._one_section(depth, "ElseIf", f" {self._pick(arguments)}")
            written += self._one_section(depth, "Else", "") if self._random.randrange(2) else ""
        return written

    def _one_section(self, depth: int, name: str, arguments: str) -> str:
        gap = self._pick(("", "", " ", "\t")) if arguments else ""
        start = self._tag(f"<{self._cased(name)}{gap}{arguments}>", self._pick(("\n", "\n", " \n", "\r\n")))
        within = "If" if name.startswith("Else") else name
        return start + self._inside(depth, name, within) + self._tag(f"</{self._cased(name)}>", self._pick(_ENDS))

    def _condition(self, depth: int, section: str) -> str:
        if depth > 4:
            return ""
        name, arguments = self._random.choice(_CONDITIONS)
        gap = self._pick((" ", " ", "  ", "\t"))
        start = self._tag(f"<{self._cased(name)}{gap}{self._pick(arguments)}>")
        return start + self._inside(depth, name, section) + self._tag(f"</{self._cased(name)}>")

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
        folder = self._from_here(folder)
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

    def _folders(self, depth: int, section: str) -> str:
        """An Include with wildcards in its folders."""
        if depth > 2:
            return ""
        number = self._number()
        for name in ("a/x.conf", "b/x.conf", "B/x.conf", ".h/x.conf", "b/deep/x.conf", "b/.deep/x.conf", "x.conf"):
            if self._startable or self._random.randrange(3):
                self._files[f"globs/g{number}/{name}"] = self._plain(depth + 2, section) + self._lines(4, section)
        folder = self._from_here(f"globs/g{number}")
        return self._line(
            self._pick((
                f"Include {folder}/*/x.conf",
                f"Include {folder}/*",
                f"Include {folder}/?/*.conf",
                f"Include {folder}/[a-b]",
                f"Include {folder}/[!b]/",
                f"Include {folder[:-1]}?/a",
                f'IncludeOptional "{folder}/*/*/x.conf"',
                f"IncludeOptional {folder}/.*/x.conf",
                f"IncludeOptional {folder}/[^a-z]*/?.conf",
                f"IncludeOptional {folder}/*/none/*.conf",
                f"IncludeOptional {folder}/b*/deep",
                f"IncludeOptional {folder}/\\a/x.conf",
                f"IncludeOptional {folder}/[a/x.conf",
            ))
        )  # fmt: skip

    def _from_here(self, path: str) -> str:
        """A path below the tree as the server root of the moment has it."""
        return f"../{path}" if self._server_root else path

    def _move(self, depth: int, section: str) -> str:
        """Another server root; only where it is certain from then on, so that paths can be written for it."""
        if depth:
            return ""
        self._server_root = self._pick(("", "extra"))
        place = f"{_PLACE}/{self._server_root}"
        return self._line(f"ServerRoot {self._pick((place, place.rstrip('/'), repr(place)))}")

    def _macro(self, depth: int, section: str) -> str:
        if section or depth > 1 or (self._startable and self._around):
            return ""
        number = self._number()
        parameters = self._pick(("", "$a", "$a $b", "$a $ab", "%x @y", "${c}"))
        inner = sorted(self._macros)
        uses = tuple(
            f"Use {name} " + " ".join(self._pick(("$a", '"$a"', "A", "%x")) for _ in range(self._macros[name])) + "\n"
            for name in (inner[:2] if "$a" in parameters or not self._startable else ())
        )
        shown = self._pick((f"M{number}", f"mac{number}"))
        self._macros[shown] = len(parameters.split())
        file = '"$a"' if self._startable else "$a"
        body = "".join(
            self._pick((
                f"  PassEnv m{number} $a\n", "  # a comment $a\n", "\n", f"  PassEnv m{number} \"$b %x @y\"\n",
                f"  PassEnv m{number} ${{A}}$ab \\\n  more\n" if parameters != "${c}" else "PassEnv q ${c}\n",
                f"<IfDefine $a>\n PassEnv in{number} $a\n</IfDefine>\n",
                f"<IfModule \"$a\">\n PassEnv in{number} $a\n</IfModule>\n<IfFile !$a>\nPassEnv $a\n</IfFile>\n",
                f"<If \"'$a' == 'x'\">\n</If>\n<Else>\nPassEnv e{number} x\n</Else>\n",
                f"<Files {file}>\nPassEnv f{number} x\n</Files>\n",
                *uses,
            ))
            for _ in range(self._random.randrange(1, 6))
        )  # fmt: skip
        return self._tag(f"<{self._cased('Macro')} {shown} {parameters}>") + body + self._tag("</Macro>")

    def _use(self, depth: int, section: str) -> str:
        if not self._macros or section in ("If", "Files"):
            return ""
        if self._startable and not {"virtualhost", *(name.lower() for name, _ in _CONDITIONS)}.issuperset(self._around):
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
