"""Secrets in httpd's files: none leaves the collection, everything else does."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest

from auditor.model.secret import SEALED, Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.fileset import NOT_READ
from auditor.surfaces.httpd.secrets import holds_private_key, key_file_names, learn, seal_password_file, seal_text
from auditor.surfaces.interface import CollectOptions

CORPUS = Path(__file__).parents[3] / "corpus/secrets/httpd"
SEALER = Sealer(b"one key of the tests")


def planted() -> tuple[bytes, ...]:
    """Every secret that was planted in the corpus."""
    lines = (CORPUS / "planted.txt").read_text().splitlines()
    return tuple(line.encode().decode("unicode_escape").encode("latin-1") for line in lines if line[0] != "#")


@pytest.fixture
def sealed(tmp_path: Path) -> Collected:
    tree = tmp_path / "httpd"
    shutil.copytree(CORPUS / "tree", tree)
    target = Target("web1", "httpd", LocalTree(str(tree)))
    return asyncio.run(collect(target, CollectOptions(SEALER)))


def test_every_planted_secret_stands_in_the_corpus() -> None:
    everything = b"\n".join(path.read_bytes() for path in (CORPUS / "tree").rglob("*") if path.is_file())
    assert [secret for secret in planted() if secret not in everything] == []


def test_no_planted_secret_leaves_the_collection(sealed: Collected) -> None:
    written = msgspec.msgpack.encode(sealed) + repr(sealed).encode()
    assert [secret for secret in planted() if secret in written] == []


def test_lines_stay_where_they_were(sealed: Collected) -> None:
    for document in sealed.documents:
        original = (CORPUS / "tree" / document.name).read_bytes()
        if document.content != NOT_READ:
            assert document.content.count(b"\n") == original.count(b"\n"), document.name


@pytest.mark.parametrize("name", ["tls/web.key", "tls/named-by-directive", "tls/combined.pem"])
def test_a_key_is_present_with_its_mode_and_nothing_else(sealed: Collected, name: str) -> None:
    document = sealed.document(name)
    assert document is not None
    assert document.content == NOT_READ
    assert document.mode == 0o644
    assert document.fingerprint == ""


def test_a_key_that_only_its_directive_betrays_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.transport.local import LocalReader

    tree = tmp_path / "httpd"
    shutil.copytree(CORPUS / "tree", tree)
    opened: list[str] = []
    read = LocalReader.read
    monkeypatch.setattr(LocalReader, "read", lambda self, path, limit: opened.append(path) or read(self, path, limit))
    asyncio.run(collect(Target("web1", "httpd", LocalTree(str(tree))), CollectOptions(SEALER)))
    assert str(tree / "conf/httpd.conf") in opened
    assert not {str(tree / "tls/web.key"), str(tree / "tls/named-by-directive")} & set(opened)


@pytest.mark.parametrize(
    "line",
    [
        "Header set X-Frame-Options DENY",
        "AuthFormPassword httpd_password",
        'AuthLDAPBindPassword "exec:/usr/local/bin/ask"',
        "SSLPassPhraseDialog builtin",
        "SSLCertificateKeyFile conf/server.key",
        "ProxyPass /api http://10.0.0.5:8080/api timeout=30 keepalive=On",
        "RequestHeader set X-Token %{TOKEN}e",
        "Define TLS_KEY /etc/pki/tls/private/web.key",
        "PassEnv DB_PASSWORD",
        "RewriteCond %{QUERY_STRING} token=([^&]+)",
        "ServerTokens Prod",
        "KeepAliveTimeout 5",
        "# see http://httpd.example:8080/docs for passwords",
        "AuthType Basic",
        "AuthLDAPBindPassword ${LDAP_BIND}",
    ],
)
def test_what_is_no_secret_stays_readable(line: str) -> None:
    content = line.encode() + b"\n"
    assert seal_text(content, SEALER, learn([content])) == content


def test_a_changed_secret_shows_and_an_unchanged_one_does_not() -> None:
    one, same, other = (
        seal_text(b"ProxySet secret=" + value, SEALER) for value in (b"first-one", b"first-one", b"another")
    )
    assert one == same
    assert one != other
    assert SEALED.search(one)


def test_one_secret_is_the_same_digest_wherever_it_stands() -> None:
    plain, quoted = seal_text(b'OIDCClientSecret abc123\nOIDCClientSecret "abc123"\n', SEALER).split(b"\n")[:2]
    assert quoted.replace(b'"', b"") == plain


def test_a_macro_in_one_file_seals_its_use_in_another() -> None:
    macro = b"<Macro Back $who $what>\n  ProxyPass / ajp://10.0.0.1/ secret=$what\n</Macro>\n"
    use = b"Use Back shop hunter2hunter2\n"
    known = learn([use, macro])
    assert seal_text(macro, SEALER, known) == macro
    sealed = seal_text(use, SEALER, known)
    assert b"hunter2" not in sealed
    assert sealed.startswith(b"Use Back shop auditor-secret:")


def test_password_files_keep_names_and_realms_only() -> None:
    sealed = seal_password_file(b"ann:$apr1$x$abc\r\nbob:private:0123456789abcdef0123456789abcdef", SEALER)
    first, second = sealed.split(b"\r\n")
    assert first.startswith(b"ann:auditor-secret:")
    assert second.startswith(b"bob:private:auditor-secret:")
    assert seal_password_file(sealed, SEALER) == sealed


@pytest.mark.parametrize("kind", ["RSA ", "", "EC ", "ENCRYPTED ", "OPENSSH "])
def test_private_keys_are_known_by_their_armour(kind: str) -> None:
    assert holds_private_key(f"text\n-----BEGIN {kind}PRIVATE KEY-----\n".encode())
    assert not holds_private_key(b"-----BEGIN CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize(
    "line",
    [
        'DBDParams "host=db user=web password=beginムMIDDLE内END"',  # their UTF-8 holds A0 and 85
        "SetEnv DATABASE https://web:beginムMIDDLE内END@db.example/",
    ],
)
def test_a_secret_with_letters_beyond_ascii_is_sealed_to_its_end(line: str) -> None:
    sealed = seal_text(f"{line}\n".encode(), SEALER, learn([line.encode()]))
    assert b"begin" not in sealed
    assert b"MIDDLE" not in sealed
    assert b"END" not in sealed


@pytest.mark.parametrize(
    "text",
    [
        "SetEnv DB_SEC\\\nRET s3cretvalue\n",
        "SetEnv API_K\\\r\nEY s3cretvalue\n",
        "# SetEnv DB_PASSW\\\nORD s3cretvalue\n",
        "RequestHeader set Coo\\\n\\\nkie s3cretvalue\n",
    ],
)
def test_a_telling_word_that_goes_on_in_the_next_line_still_tells(text: str) -> None:
    assert b"s3cretvalue" not in seal_text(text.encode(), SEALER)


def test_a_directive_that_goes_on_in_the_next_line_still_names_its_key() -> None:
    assert key_file_names([b"SSLCertificateKey\\\nFile /etc/odd.pem\n"]) == {"/etc/odd.pem"}
