"""Resources that need no understanding: modules, files and packages."""

from __future__ import annotations

import hashlib
import re

from auditor.model.resource import Resource, make_resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Collected
from auditor.model.source import FactSource, FileSource
from auditor.model.value import Version
from auditor.surfaces.httpd.attributes import Attributes
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.words import split_words


def module_resources(resolved: Resolved) -> list[Resource]:
    """The modules that are loaded or compiled in."""
    loads: dict[str, FileSource] = {}
    for directive in resolved.directives:
        if directive.name.lower() == "loadmodule":
            words = split_words(directive.arguments)
            if words:
                loads.setdefault(words[0], directive.source)
    found = []
    for name, file in resolved.modules:
        out = Attributes()
        out.text("file", file or None, loads.get(name))
        out.flag("built_in", not file)
        found.append(make_resource("httpd.module", name, out.items, loads.get(name)))
    return found


def file_resources(collected: Collected, resolved: Resolved) -> list[Resource]:
    """The files of the tree."""
    read = {directive.source.file for directive in resolved.directives} | {resolved.main_file}
    found = []
    for document in collected.documents:
        source = FileSource(document.name, 1, 1)
        out = Attributes()
        if document.mode is not None:
            out.text("mode", f"{document.mode:04o}")
        out.text("owner", document.owner or None)
        out.text("group", document.group or None)
        if document.link:
            out.text("link", document.link)
        else:
            out.text("digest", hashlib.sha256(document.content).hexdigest())
        out.flag("holds_secrets", bool(document.fingerprint) or SEALED.search(document.content) is not None)
        out.flag("read", document.name in read)
        found.append(make_resource("httpd.file", document.name, out.items, source))
    return found


def package_resources(collected: Collected) -> list[Resource]:
    """The packages that the machine, or a sosreport of it, names."""
    packages = collected.fact("packages")
    if not isinstance(packages, tuple):
        return []
    fact = next(one for one in collected.facts if one.name == "packages")
    found: dict[str, Resource] = {}
    for text in packages:
        name, version = _package(text)
        if name and name not in found:
            out = Attributes()
            out.add("version", Version(version) if version else None)
            found[name] = make_resource("httpd.package", name, out.items, FactSource("packages", fact.how))
    return list(found.values())


def _package(text: str) -> tuple[str, str]:
    """Name and version of ``httpd 2.4.6-99.el7``, ``httpd=2.4.6`` or ``httpd-2.4.6-99.el7.x86_64``."""
    separated = re.split(r"[ =\t]+", text.strip(), maxsplit=1)
    if len(separated) == 2:
        return separated[0], separated[1]
    found = re.fullmatch(r"(.+?)-(\d[^-]*-[^-]+?)(?:\.(?:x86_64|noarch|aarch64|i686))?", text.strip())
    return (found[1], found[2]) if found else (text.strip(), "")
