"""Following includes needs no line of the files that lead nowhere: what is asked for is the same."""

from __future__ import annotations

import posixpath

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.snapshot import Gap
from auditor.surfaces.httpd.clues import KEY_FILE, LEADS, clues
from auditor.surfaces.httpd.fileset import Name, Standing
from auditor.surfaces.httpd.includes import ResolveOptions, ask_for_every_file, resolve

ROOT = "/etc/httpd"
NAMES = ("main", "a", "b", "c", "d/e")
PIECES = [
    *("Include a", "include b", "IncludeOptional d/*", "InClude", "Inc", "lude", " c", "\\\n", "\\\r\n", "\n", "\n"),
    *(
        "Define X ",
        "Define X a",
        "Undefine X",
        "${X}",
        "Include ${X}",
        "${Y} a",
        "Use m b",
        "USE m",
        "use",
        '"Use" m a',
    ),
    *("<Macro m $f>\nInclude $f\n</Macro>\n", "<IfDefine X>\n", "</IfDefine>\n", "<IfFile a>\n", "</IfFile>\n", "# "),
    *(
        "ServerRoot /etc/httpd/d",
        "ServerRoot /etc",
        "LoadModule x_module x.so",
        "<IfModule x_module>\n",
        "</IfModule>\n",
    ),
    *("<Location />\n", "</Location>\n", "Timeout 5", " ", "\t", '"', "'", "\0", "TLSCertificate k.pem", "\xe9"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map(lambda pieces: "".join(pieces).encode("latin-1"))


class Asked:
    """Files in memory that remember what they were asked for."""

    def __init__(self, contents: list[bytes]) -> None:
        self.files = {f"{ROOT}/{name}": content for name, content in zip(NAMES, contents, strict=True)}
        self.read_paths: set[str] = set()
        self.looked_at: set[str] = set()

    def standing(self, path: str) -> Standing:
        self.looked_at.add(path)
        return "file" if path in self.files else "directory" if path in (ROOT, f"{ROOT}/d") else "absent"

    def read(self, path: str) -> bytes | None:
        self.read_paths.add(path)
        return self.files.get(path)

    def list(self, path: str) -> tuple[Name, ...]:
        self.looked_at.add(path)
        inside = {one[len(path) + 1 :] for one in self.files if one.startswith(f"{path}/")}
        return tuple(Name(name.partition("/")[0], "/" in name) for name in sorted(inside))

    def gap(self, path: str) -> Gap | None:
        return None if posixpath.basename(path) else Gap(path, "absent")


@given(st.lists(TEXTS, min_size=len(NAMES), max_size=len(NAMES)))
def test_passing_over_files_that_lead_nowhere_asks_for_as_much(contents: list[bytes]) -> None:
    main, options = f"{ROOT}/main", ResolveOptions(ROOT, built_in=())
    whole, every, quick = Asked(contents), Asked(contents), Asked(contents)
    resolved = resolve(whole, main, options)
    resolve(every, main, ResolveOptions(ROOT, built_in=(), every_branch=True))
    skimmed = ask_for_every_file(quick, main, options, lambda content: clues(content) & (LEADS | KEY_FILE))
    assert quick.read_paths >= whole.read_paths | every.read_paths
    assert quick.looked_at >= whole.looked_at
    assert (skimmed.server_root, skimmed.modules) == (resolved.server_root, resolved.modules)
    keys = [[one for one in both.directives if one.name.lower() == "tlscertificate"] for both in (skimmed, resolved)]
    assert keys[0] == keys[1]
