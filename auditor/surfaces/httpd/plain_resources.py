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
from auditor.surfaces.httpd.collected_files import CollectedFiles
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.swallowed import Swallowed, swallowed_lines
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
    read = {*resolved.files, resolved.main_file}
    links = any(document.link and document.name in read for document in collected.documents)
    files = CollectedFiles(collected) if links else None
    found = []
    for document in collected.documents:
        source = FileSource(document.name, 1, 1)
        out = Attributes()
        if document.mode is not None:
            out.text("mode", f"{document.mode:04o}")
        out.text("owner", document.owner or None)
        out.text("group", document.group or None)
        out.text("selinux", document.selinux or None)
        if document.link:
            out.text("link", document.link)
        else:
            out.text("digest", hashlib.sha256(document.content).hexdigest())
        out.flag("holds_secrets", bool(document.fingerprint) or SEALED.search(document.content) is not None)
        out.flag("read", document.name in read)
        if document.name in read:
            held = files.document(files.absolute(document.name)) if files is not None else document
            _add_swallowed(out, document.name, held.content if held is not None else b"")
        found.append(make_resource("httpd.file", document.name, out.items, source))
    return found


def _add_swallowed(out: Attributes, file: str, content: bytes) -> None:
    """What httpd does not see of a file that it reads, and of what it sees only a part."""
    found = swallowed_lines(content)
    comments = [one for one in found if one.comment and not one.character]
    cut = [one for one in found if not one.comment and not one.text]
    letters = [one for one in found if one.character and one.text]
    out.names("swallowed_by_comments", [f"{file}:{one.line} {one.text}" for one in comments], _first(file, comments))
    out.names(
        "swallowed_by_letters",
        [f"{file}:{one.line} {one.text} (← {one.character})" for one in letters],
        _first(file, letters),
    )
    out.names("cut_by_letters", [f"{file}:{one.by} (… {one.character})" for one in cut], _first(file, cut, by=True))


def _first(file: str, found: list[Swallowed], *, by: bool = False) -> FileSource | None:
    if not found:
        return None
    line = found[0].by if by else found[0].line
    return FileSource(file, line, line)


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
