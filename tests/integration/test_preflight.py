"""What ``-t`` lets through and a running httpd dies of: found before anything is touched, and the server lives on."""

from __future__ import annotations

import asyncio
import datetime
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from auditor.errors import RefusedError
from auditor.model.plan import Disruption
from auditor.model.target import LocalTree
from auditor.surfaces.httpd.carry_out import server
from auditor.surfaces.httpd.carry_out.files import read_live
from auditor.surfaces.httpd.carry_out.surroundings import Here, There
from auditor.surfaces.httpd.carry_out.survey import LiveSurvey
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.interface import Caveat, CollectOptions
from auditor.transport.local_shell import LocalShell
from tests import servers
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import Site, planned_line
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
_START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_BAD = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, httpd: Path, ssh_keygen: str) -> Iterator[Site]:
    """One server for all: each case must leave it alive."""
    made = Site(tmp_path_factory.mktemp("site"))
    _write_keys(made.folder)
    (made.root / "spare").mkdir()
    (made.root / "spare/log.conf").write_text('CustomLog "|/nonexistent/rotate" common\n')
    (made.folder / "text").write_text("hello\n")
    (made.folder / "short").write_bytes(bytes(47))
    with made.server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "SETTLE_S", 0.3)
        yield made


def _write_keys(folder: Path) -> None:
    keys: dict[str, Key] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "other": ec.generate_private_key(ec.SECP256R1()),
    }
    for name, key in keys.items():
        (folder / f"{name}.crt").write_bytes(_certificate(key, 36500))
        (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "expired.crt").write_bytes(_certificate(keys["ec"], 30))
    (folder / "locked.key").write_bytes(
        keys["ec"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass-phrase"))
    )
    whole = (folder / "ec.crt").read_bytes()
    (folder / "garbage.crt").write_bytes(_BAD)
    (folder / "chained.crt").write_bytes(whole + _BAD)
    (folder / "cut.crt").write_bytes(whole + whole[:100])


def _certificate(key: Key, days: int) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web1.example")])
    end = _START + datetime.timedelta(days=days)
    built = x509.CertificateBuilder(name, name, key.public_key(), 7, _START, end)
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _tls(certificate: str, key: str, *more: str) -> str:
    pair = [f"SSLCertificateFile {{folder}}/{certificate}", f"SSLCertificateKeyFile {{folder}}/{key}"]
    return _host("SSLEngine on", *(pair if certificate else ()), *more)


def _host(*lines: str) -> str:
    inner = "\n".join(lines)
    return f"<VirtualHost 127.0.0.9:{{port}}>\nServerName other.example\n{inner}\n</VirtualHost>"


_PROGRAM = "the program /nonexistent/rotate of {} is not there"
_MACRO = '<Macro Logged $to>\nCustomLog "|$to" common\n</Macro>\nUse Logged /nonexistent/rotate'
CASES = {
    "garbage certificate": (_tls("garbage.crt", "ec.key"), "no PEM certificate"),
    "certificate with a damaged chain behind it": (_tls("chained.crt", "ec.key"), "no PEM certificate"),
    "certificate that is cut off": (_tls("cut.crt", "ec.key"), "cut off|no PEM"),
    "key of another (EC)": (_tls("ec.crt", "other.key"), "does not belong"),
    "key of another kind": (_tls("rsa.crt", "ec.key"), "does not belong"),
    "second pair swapped": (
        _tls("ec.crt", "ec.key", "SSLCertificateFile {folder}/rsa.crt", "SSLCertificateKeyFile {folder}/other.key"),
        "does not belong",
    ),
    "no key": (_host("SSLEngine on", "SSLCertificateFile {folder}/ec.crt"), "no PEM key"),
    "key with a passphrase": (_tls("ec.crt", "locked.key"), "passphrase"),
    "no certificate": (_tls("", ""), "no certificate is configured"),
    "damaged chain file": (_tls("ec.crt", "ec.key", "SSLCertificateChainFile {folder}/garbage.crt"), "no PEM cert"),
    "authorities without any": (_tls("ec.crt", "ec.key", "SSLCACertificateFile {folder}/text"), "no PEM cert"),
    "revocation list": (_tls("ec.crt", "ec.key", "SSLCARevocationFile {folder}/text"), "revocation list"),
    "authorities of a proxy": (
        _host("SSLProxyEngine on", "SSLProxyCACertificateFile {folder}/garbage.crt"),
        "no PEM certificate",
    ),
    "stapling without a cache": (_tls("ec.crt", "ec.key", "SSLUseStapling on"), "SSLStaplingCache"),
    "certificate by a Define": (
        "Define CRT {folder}/garbage.crt\n" + _host("SSLEngine on", "SSLCertificateFile ${{CRT}}"),
        "no PEM certificate",
    ),
    "port in use": ("Listen 127.0.0.1:{taken}", "cannot be listened on: Address already in use"),
    "port in use, by a Define": ("Define P {taken}\nListen 127.0.0.1:${{P}}", "cannot be listened on"),
    "foreign address": ("Listen 192.0.2.77:{port}", "cannot be listened on: Cannot assign"),
    "port that overlaps the server's own": ("Listen {port}", "overlaps it|stop and start"),
    "program of a CustomLog": ('CustomLog "|/nonexistent/rotate" common', _PROGRAM.format("CustomLog")),
    "program of a CustomLog, ||": ('CustomLog "||/nonexistent/rotate -x" common', _PROGRAM.format("CustomLog")),
    "program of a CustomLog, |$": ('CustomLog "|$/nonexistent/rotate >x" common', _PROGRAM.format("CustomLog")),
    "program of a shell, by name": ('CustomLog "|$exec no-such-program" common', "no-such-program of CustomLog"),
    "program by its name": ('CustomLog "|cat" common', "the program /cat of CustomLog is not there"),
    "program that is none": ('CustomLog "|{folder}/text" common', "no program that may be started"),
    "program of an ErrorLog": ("ErrorLog |/nonexistent/rotate", _PROGRAM.format("ErrorLog")),
    "program of a TransferLog": ('TransferLog "|/nonexistent/rotate"', _PROGRAM.format("TransferLog")),
    "program of a GlobalLog": ('GlobalLog "|/nonexistent/rotate" common', _PROGRAM.format("GlobalLog")),
    "program of a ForensicLog": ("ForensicLog |/nonexistent/rotate", _PROGRAM.format("ForensicLog")),
    "program of a RewriteMap": ("RewriteMap m prg:{folder}/text", "no program that may be started"),
    "program in a virtual host": (_host('CustomLog "|/nonexistent/rotate" common'), _PROGRAM.format("CustomLog")),
    "program by a Define": ('Define TO /nonexistent/rotate\nCustomLog "|${{TO}}" common', _PROGRAM.format("CustomLog")),
    "program by a macro": (_MACRO, _PROGRAM.format("CustomLog")),
    "program by an Include": ("Include spare/log.conf", _PROGRAM.format("CustomLog")),
    "log that is a folder": ("CustomLog {folder} common", "of CustomLog is a folder"),
    "error log that is a folder": (_host("ErrorLog {folder}"), "of ErrorLog is a folder"),
    "log in a missing folder": ("CustomLog /nonexistent/x.log common", "nonexistent"),
    "forensic log in a missing folder": ("ForensicLog /nonexistent/x.log", "/nonexistent of ForensicLog is not there"),
    "session cache": ("SSLSessionCache dbm:/nonexistent/x/cache", "the folder /nonexistent/x of SSLSessionCache"),
    "session cache in memory": ("SSLSessionCache shmcb:/nonexistent/x/c(65536)", "/nonexistent/x of SSLSessionCache"),
    "lock of WebDAV": ("DavLockDB /nonexistent/x/lock", "the folder /nonexistent/x of DavLockDB"),
    "mutex": ("Mutex file:/nonexistent/x default", "nonexistent/x"),
    "ciphers of which there is none": (_tls("ec.crt", "ec.key", "SSLCipherSuite NONSENSE"), "takes no cipher of it"),
    "ciphers that mod_ssl takes away": (_tls("ec.crt", "ec.key", "SSLCipherSuite aNULL"), "takes no cipher of it"),
    "suites of which there is none": (_tls("ec.crt", "ec.key", "SSLCipherSuite TLSv1.3 X"), "takes no cipher of it"),
    "ciphers of a proxy": (_host("SSLProxyEngine on", "SSLProxyCipherSuite NONSENSE"), "takes no cipher of it"),
    "no protocol": (_tls("ec.crt", "ec.key", "SSLProtocol all -TLSv1 -TLSv1.1 -TLSv1.2 -TLSv1.3"), "no version of TLS"),
    "no protocol of a proxy": (_host("SSLProxyEngine on", "SSLProxyProtocol -all"), "leaves no version of TLS"),
    "revocation without a list": (
        _tls("ec.crt", "ec.key", "SSLCARevocationCheck chain"),
        "needs SSLCARevocationFile or SSLCARevocationPath, and none is there",
    ),
    "revocation of a proxy": (
        _host("SSLProxyEngine on", "SSLProxyCARevocationCheck leaf"),
        "needs SSLProxyCARevocationFile or",
    ),
    "key of tickets": (_tls("ec.crt", "ec.key", "SSLSessionTicketKeyFile {folder}/short"), "has 47 bytes, and 48 are"),
    "module that needs another": (servers.load_modules("proxy_balancer"), "slotmem_shm_module, which is not loaded"),
    "balancer without its method": (
        servers.load_modules("slotmem_shm", "proxy_balancer")
        + "<Proxy balancer://b>\nBalancerMember http://127.0.0.1:9\n</Proxy>",
        "balancer://b ends the server without lbmethod_byrequests_module",
    ),
    "types of files": (servers.load_modules("mime") + "TypesConfig /nonexistent/types", "of TypesConfig is not there"),
    "types that are a folder": (servers.load_modules("mime") + "TypesConfig {folder}", "of TypesConfig is a folder"),
    "facility of syslog": ("ErrorLog syslog:nonsense", "syslog has no facility nonsense"),
    "another PidFile": ("PidFile {folder}/other.pid", "needs a stop and start"),
    "capacity above the limit": ("ServerLimit 4\nMaxRequestWorkers 8", "stop and start|cut down to 4"),
    "more than the limit alone": ("MaxRequestWorkers 300", "would be cut down to 256 by ServerLimit 256"),
}
_NEED = {
    "SSL": "ssl socache_shmcb socache_dbm",
    "Forensic": "log_forensic",
    "RewriteMap": "rewrite",
    "Dav": "dav dav_fs",
}


def _text(site: Site, text: str, taken: int = 0, folder: str = "") -> str:
    names = [name for word, names in _NEED.items() if word in text for name in names.split()]
    names += ["macro"] if "<Macro" in text else []
    lines = text.format(folder=folder or site.folder, port=site.port, taken=taken)
    return f"{servers.load_modules(*names)}{lines}"


BY_THE_CHECK = ("log in a missing folder", "mutex")
"""What the check of this version finds, and that of older ones does not."""
APPLIED = (
    "garbage certificate",
    "certificate by a Define",
    "key of another (EC)",
    "key with a passphrase",
    "port in use",
    "foreign address",
    "program of a CustomLog",
    "program of an ErrorLog",
    "program by an Include",
    "program by a macro",
    "program in a virtual host",
    "another PidFile",
    "log that is a folder",
    *BY_THE_CHECK,
)


@pytest.mark.parametrize("name", APPLIED)
def test_what_would_end_the_server_is_found_before_anything_is_touched(site: Site, name: str) -> None:
    text, why = CASES[name]
    files, pid, generation = site.files(), site.server.pid_file.read_text(), site.generation()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        made = planned_line(site, _text(site, text, held.getsockname()[1]))
        site.approve(made)
        outcome = site.apply(made).outcomes[0]
    assert (outcome.outcome, bool(re.search(why, outcome.text))) == ("refused", True), outcome.text
    assert site.files() == files
    assert site.server.pid_file.read_text() == pid
    assert site.generation() == generation


FAR = (
    "garbage certificate",
    "key of another (EC)",
    "key of tickets",
    "ciphers of which there is none",
    "types of files",
)


def test_it_is_found_on_another_machine_by_what_stands_there(
    ssh_server: SshServer, tmp_path: Path, httpd: Path, ssh_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE_S", 0.3)
    keys = ssh_server.here("/etc/keys")
    keys.mkdir()
    _write_keys(keys)
    (keys / "short").write_bytes(bytes(47))
    with FarSite(ssh_server, tmp_path / "site") as site:
        files, generation = site.files(), site.generation()
        for name in FAR:
            text, why = CASES[name]
            made = planned_line(site, _text(site, text, folder="/etc/keys"))
            site.approve(made)
            outcome = site.apply(made).outcomes[0]
            assert (outcome.outcome, bool(re.search(why, outcome.text))) == ("refused", True), (name, outcome.text)
        assert (site.files(), site.generation()) == (files, generation)


def test_a_server_that_would_listen_nowhere_is_not_made(site: Site) -> None:
    files, generation = site.files(), site.generation()
    made = planned_line(site, "# listens nowhere", instead_of="Listen ")
    site.approve(made)
    outcome = site.apply(made).outcomes[0]
    assert outcome.outcome == "refused"
    assert "httpd.conf: no Listen is left, and a server that listens nowhere ends" in outcome.text
    assert (site.files(), site.generation()) == (files, generation)


def _looked(site: Site, text: str, way: Disruption = "reload") -> tuple[str, ...]:
    """What is said of a main file with these lines at its end, as it is looked at before an apply."""
    target = next(one for one in site.fleet.desk().targets.values() if one.name == "web1/httpd")
    tree = target.location
    assert isinstance(tree, LocalTree)

    async def look() -> tuple[str, ...]:
        sealer = site.fleet.desk().sealer
        collected = await collect(target, CollectOptions(sealer, {}, whole_state=False))
        live = read_live(site.root, "httpd.conf")
        new = ((live, replace(live, content=live.content + f"{text}\n".encode())),)
        running = await server.HttpdServer(tree).running()
        assert running is not None
        return await LiveSurvey(tree, collected, sealer, Here()).preflight(new, str(site.root), way, running)

    return asyncio.run(look())


@pytest.mark.parametrize("name", [name for name in CASES if name not in BY_THE_CHECK])
def test_it_is_found_by_what_is_looked_at_beside_the_servers_own_check(site: Site, name: str) -> None:
    text, why = CASES[name]
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        with pytest.raises(RefusedError, match=why) as caught:
            _looked(site, _text(site, text, held.getsockname()[1]))
    assert re.match(r"(httpd|spare/log)\.conf:\d+", caught.value.where or "")


def test_what_is_whole_passes_and_what_bodes_ill_is_said(site: Site) -> None:
    pair = ("SSLCertificateFile {folder}/rsa.crt", "SSLCertificateKeyFile {folder}/rsa.key")
    settings = ("SSLCipherSuite HIGH", "SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256", "SSLProtocol all -TLSv1")
    more = (
        *settings,
        'CustomLog "|/bin/cat" common',
        'CustomLog "|$cat >/dev/null" common',
        "ErrorLog {folder}/vhost.log",
    )
    said = _looked(site, _text(site, _tls("expired.crt", "ec.key", *pair, *more)))
    assert [one for one in said if not isinstance(one, Caveat)] == [
        "the program of CustomLog /bin/cat is there",
        "the program of CustomLog cat is there",
        f"the place of ErrorLog {site.folder}/vhost.log is there",
        "2 certificates and their keys belong together",
    ]
    (expired,) = (one for one in said if isinstance(one, Caveat))
    assert "expired on 2020-01-31" in expired


def test_what_cannot_be_told_is_said_or_refused(site: Site) -> None:
    (shell,) = _looked(site, 'CustomLog "|$if true; then cat; fi" common')
    assert isinstance(shell, Caveat)
    assert "cannot be told" in shell
    with pytest.raises(RefusedError, match="a variable without a value"):
        _looked(site, 'CustomLog "|${NO_SUCH_VARIABLE}" common')
    told = _looked(site, _text(site, _tls("ec.crt", "ec.key", "SSLOpenSSLConfCmd Curves P-256")))
    (shows,) = (one for one in told if isinstance(one, Caveat))
    assert "what OpenSSL makes of SSLOpenSSLConfCmd Curves P-256 shows at the reload alone" in shows
    (undecided,) = _looked(site, '<If "true">\n</If>\n<IfFile /etc/hostname>\nErrorLog /nonexistent/x.log\n</IfFile>')
    assert "cannot be told" in undecided
    token = _looked(site, _text(site, _host("SSLEngine on", 'SSLCertificateFile "pkcs11:token=x"')))
    assert [one for one in token if isinstance(one, Caveat) and "pkcs11" in one]
    with pytest.raises(RefusedError, match="outside of what was collected"):
        _looked(site, f"Include {site.folder}/text")


@pytest.mark.parametrize("surroundings", [Here(), There(LocalShell())])
def test_a_machine_is_seen_alike_from_here_and_through_its_shell(tmp_path: Path, surroundings: Here | There) -> None:
    program = tmp_path / "a b'c"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "plain").write_text("x")
    os.symlink("gone", tmp_path / "dangling")
    paths = [
        str(program),
        str(tmp_path / "plain"),
        str(tmp_path),
        f"{tmp_path}/dangling",
        f"{tmp_path}/no/x",
        "sh",
        "no-sh",
    ]
    found = asyncio.run(surroundings.standing(paths))
    assert found == ["program", "file", "folder", "missing", "missing", "program", "missing"]
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        assert asyncio.run(surroundings.port("127.0.0.1", port)) == "Address already in use"
        assert asyncio.run(surroundings.port("", port)) == "Address already in use"
        assert asyncio.run(surroundings.port("127.0.0.2", port)) == ""
    assert asyncio.run(surroundings.port("192.0.2.77", port)) == "Cannot assign requested address"
    assert asyncio.run(surroundings.port("2001:db8::77", port)) == "Cannot assign requested address"
    assert asyncio.run(surroundings.port("127.9.8.7", port)) == ""
