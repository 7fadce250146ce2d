"""The documents of a tree that was read: every file and link, secrets sealed."""

from __future__ import annotations

import posixpath
from functools import partial

from auditor.model.secret import Sealer
from auditor.model.snapshot import Document, Fact, Gap
from auditor.surfaces.httpd.fileset import NOT_READ
from auditor.surfaces.httpd.gather import KEY_NAME, Gathered, Read
from auditor.surfaces.httpd.secrets import (
    Known,
    holds_private_key,
    learn,
    password_file_names,
    seal_password_file,
    seal_text,
)
from auditor.surfaces.httpd.words import as_path


def documents_of(gathered: Gathered, facts: list[Fact], sealer: Sealer) -> tuple[Document, ...]:
    """Every file and link, sealed, sorted by name."""
    contents = [read.content for read in gathered.files.values() if read.content != NOT_READ]
    known = learn(contents)
    server_root = next((str(fact.value) for fact in facts if fact.name == "server_root"), gathered.root)
    passwords = {
        gathered.placed(posixpath.normpath(posixpath.join(server_root, as_path(name))))
        for name in password_file_names(contents)
    }
    seal = partial(seal_text, sealer=sealer, known=known)
    documents = []
    for path, read in gathered.files.items():
        if path not in gathered.asked and _is_binary(read.content):
            gathered.gaps.setdefault(
                path, Gap(gathered.name(path), "not recognised", "no text; not kept", kinds=("httpd.file",))
            )
            continue
        sealed = seal_password_file(read.content, sealer) if _is_passwords(path, passwords) else seal(read.content)
        documents.append(_document(gathered, path, read, sealed, sealer))
    for path, entry in gathered.links.items():
        name = gathered.name(path)
        documents.append(
            Document(
                name, f"files/{name}", b"", entry.mode, entry.owner, entry.group, link=entry.link, selinux=entry.selinux
            )
        )
    return tuple(sorted(documents, key=lambda document: document.name))


def sealed_file(name: str, content: bytes, sealer: Sealer, known: Known) -> bytes:
    """A file that stands elsewhere, as it would be collected under this name.

    Errors:
        ValueError: it would not be (a private key, no text), as the end of a sentence.
    """
    if holds_private_key(content) or KEY_NAME.search(posixpath.basename(name)):
        raise ValueError("it is a private key; no plan holds it")
    if _is_binary(content):
        raise ValueError("it is no text; no plan holds it")
    return seal_password_file(content, sealer) if _is_passwords(name, set()) else seal_text(content, sealer, known)


def _document(gathered: Gathered, path: str, read: Read, sealed: bytes, sealer: Sealer) -> Document:
    name = gathered.name(path)
    return Document(
        name=name,
        store_path=f"files/{name}" if gathered.inside(path) else f"outside/{path.lstrip('/')}",
        content=sealed,
        mode=read.entry.mode,
        owner=read.entry.owner,
        group=read.entry.group,
        fingerprint=sealer.fingerprint(read.content) if sealed != read.content else "",
        selinux=read.entry.selinux,
    )


def _is_binary(content: bytes) -> bool:
    return b"\0" in content[:8192]


def _is_passwords(path: str, named: set[str | None]) -> bool:
    name = posixpath.basename(path).lower()
    return path in named or "htpasswd" in name or "htdigest" in name or name in ("passwd", "passwords", "users.pw")
