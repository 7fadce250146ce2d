"""A sample tree of an RHEL 7 reverse proxy, and how it is set up so that a real httpd on this machine can run it."""

from __future__ import annotations

import datetime
import os
import pwd
import re
import shutil
from pathlib import Path
from typing import Final

from auditor.errors import InputError

SAMPLE: Final = Path(__file__).parent / "httpd"
"""The tree as it would stand at /etc/httpd."""

_HOST: Final = "shop.example"
_LOADS: Final = re.compile(rb"^LoadModule[ \t]+\S+[ \t]+modules/(\S+)", re.MULTILINE)


def install_sample(
    folder: Path,
    *,
    http_port: int,
    https_port: int,
    modules: Path | None = None,
    backend_port: int | None = None,
) -> None:
    """Copies the sample tree to ``folder`` and makes it one that this machine's httpd can serve on loopback.

    What may change while the server runs (logs, pid file, certificate) goes to the folder ``<folder>.var`` beside
    it, linked as on RHEL, so that the tree itself stays still. No line is added or removed: only addresses, ports,
    user and absolute paths change, and a LoadModule whose file this machine does not have becomes a comment.
    ``modules`` is the folder of httpd's modules; None leaves those lines alone. ``backend_port`` moves each back end
    10.0.0.N to 127.0.0.N at that port; None leaves them alone.

    Errors:
        InputError: the folder is there already.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already", untouched="Nothing was written.", next_step="Name a new folder.")
    folder = folder.absolute()
    var = folder.with_name(f"{folder.name}.var")
    shutil.copytree(SAMPLE, folder)
    for name in ("logs", "run", "www/html", "pki/tls/certs", "pki/tls/private"):
        (var / name).mkdir(parents=True)
    (var / "www/html/index.html").write_text("<title>proxy1</title>\n", encoding="utf-8")
    (var / "mime.types").write_text("text/html html\ntext/plain txt\napplication/json json\n", encoding="utf-8")
    for name in ("logs", "run"):
        (folder / name).symlink_to(os.path.relpath(var / name, folder))
    if modules is not None:
        (folder / "modules").symlink_to(modules)
    _write_certificate(var / "pki/tls")
    replaced = _replacements(var, http_port, https_port, backend_port)
    for path in sorted(folder.rglob("*.conf")):
        content = path.read_bytes()
        for pattern, new in replaced:
            content = pattern.sub(lambda found, new=new: found.expand(new), content)  # type: ignore[misc]  # bound now
        path.write_bytes(content if modules is None else _LOADS.sub(lambda found: _load(found, modules), content))


def _replacements(
    var: Path, http_port: int, https_port: int, backend_port: int | None
) -> list[tuple[re.Pattern[bytes], bytes]]:
    """Patterns and what stands in their place, line by line."""
    place = os.fsencode(var).replace(b"\\", b"\\\\")
    user, group = _identity()
    found = [
        (rb"^ServerRoot .*$", b'ServerRoot "' + place.removesuffix(b".var") + b'"'),
        (rb"^Listen 80$", b"Listen 127.0.0.1:%d" % http_port),
        (rb"^Listen 443$", b"Listen 127.0.0.1:%d" % https_port),
        (rb"<VirtualHost \*:80>", b"<VirtualHost *:%d>" % http_port),
        (rb"<VirtualHost \*:443>", b"<VirtualHost *:%d>" % https_port),
        (rb"^User .*$", b"User " + user),
        (rb"^Group .*$", b"Group " + group),
        (rb"/etc/mime\.types", place + b"/mime.types"),
        (rb"/etc/pki/", place + b"/pki/"),
        (rb"/var/www", place + b"/www"),
        (rb"/run/httpd", place + b"/run"),
    ]
    if backend_port is not None:
        found.append((rb"http://10\.0\.0\.(\d+):8080", rb"http://127.0.0.\g<1>:%d" % backend_port))
    return [(re.compile(pattern, re.MULTILINE), new) for pattern, new in found]


def _identity() -> tuple[bytes, bytes]:
    """The user and group that httpd's children run as: nobody under root, else whoever runs this."""
    entry = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return entry.pw_name.encode(), b"#%d" % entry.pw_gid


def _load(found: re.Match[bytes], modules: Path) -> bytes:
    """A LoadModule, or a comment where the file is not there: compiled in, or of another system."""
    return found[0] if (modules / found[1].decode()).exists() else b"#" + found[0]


def _write_certificate(folder: Path) -> None:
    """A self-signed certificate for the TLS virtual host, valid for a day and a month."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_HOST), x509.DNSName(f"www.{_HOST}")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"certs/{_HOST}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = folder / f"private/{_HOST}.key"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
