"""What is certain although conditionals are open holds whichever way each of them is decided."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import auditor.surfaces.httpd
from auditor.model.value import Undetermined
from auditor.surfaces.httpd.decisive import decides
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.httpd.understanding import UNDERSTOOD
from auditor.surfaces.httpd.vocabulary import brought_by
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import collected

LINES = st.sampled_from(
    [
        "Timeout 5", "Timeout 0", "ProxyTimeout 7", "ProxyPass /a http://b/ timeout=5", "ProxyPass /a http://c/",
        "ProxyPass /b http://b/", "ProxyPass /a !", "ServerName b.example", "ServerAlias s.example", "KeepAlive Off",
        "LogLevel debug", "ErrorLog e", "CustomLog c \"%D\"", "LogFormat \"%h\" n", "CustomLog d n", "User u",
        "ServerTokens Prod", "RewriteEngine On", "RewriteRule ^/a http://r/ [P]", "ProxyPassInherit Off", "Listen 81",
        "MaxRequestWorkers 5", "RequestReadTimeout body=5", "SSLEngine on", "TraceEnable off", "Header set X y",
        "LoadModule reqtimeout_module m", "MergeSlashes Off", "SetHandler proxy:http://h/",
    ]
)  # fmt: skip


@st.composite
def configurations(draw: st.DrawFn) -> str:
    """Lines under some of up to five conditions, two deep, in the main server and a virtual host."""

    def block(depth: int) -> str:
        out = []
        for _ in range(draw(st.integers(1, 3))):
            if depth < 3 and draw(st.booleans()):
                name = f"{draw(st.sampled_from(['', '!']))}mod_own{draw(st.integers(0, 4))}.c"
                out.append(f"<IfModule {name}>\n{block(depth + 1)}</IfModule>\n")
            else:
                out.append(f"{draw(LINES)}\n")
        return "".join(out)

    return f"Listen 80\n{block(0)}<VirtualHost *:80>\nServerName a.example\n{block(0)}</VirtualHost>\n{block(1)}"


@given(configurations())
@settings(max_examples=60)
def test_what_is_certain_holds_in_every_world(text: str) -> None:
    documents = collected(text, built_in=None)
    open_ = interpret(documents, InterpretOptions(httpd_version="2.4.62"))
    if any(gap.what == "conditional sections" for gap in open_.gaps):
        return
    used = [number for number in range(5) if f"own{number}." in text]
    for way in product((True, False), repeat=len(used)):
        modules = tuple(f"own{number}" for number, there in zip(used, way, strict=True) if there)
        options = InterpretOptions(httpd_version="2.4.62", modules=modules, no_other_modules=True)
        decided = {(one.kind, one.name): one for one in interpret(documents, options).resources}
        for resource in open_.resources:
            if resource.kind not in UNDERSTOOD:
                continue
            other = decided.get((resource.kind, resource.name))
            for attribute in resource.attributes:
                if not isinstance(attribute.value, Undetermined):
                    assert other is not None, (resource.name, attribute.name, modules)
                    assert other.value(attribute.name) == attribute.value, (resource.name, attribute.name, modules)


# Modules that name directives for another reason than to say something of them: sealing secrets, listing them as they
# are, sorting them, knowing what httpd refuses (which every way is asked for).
APART = {"vocabulary", "conditions", "secretnames", "secrets", "directive_resources", "decisive", "kinds", "contexts"}
APART |= {"agreement", "operations", "since", "argument_counts", "misplaced"}
# Words of the English language, and what is carried out while the configuration is read.
WORDS = {"error", "order", "script", "header", "use", "options", "include", "define", "directory", "location", "files"}
WORDS |= {"proxy", "limit", "includeoptional", "undefine", "undefmacro", "<macro"}


def test_every_directive_that_is_asked_for_decides() -> None:
    names = brought_by().keys() - WORDS
    asked: dict[str, str] = {}
    for path in Path(auditor.surfaces.httpd.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())) if path.stem not in APART else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                asked |= {word: path.stem for word in node.value.split() if word in names}
    assert len(asked) > 50
    assert {name: where for name, where in asked.items() if not decides(name)} == {}
