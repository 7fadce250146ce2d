"""What a server dies of, brought by whole files and links: found in what the plan puts there."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auditor.services.changes import DiffWay, ToWay
from auditor.surfaces.httpd.carry_out import server
from tests import servers
from tests.fakes.far_sites import FarSite
from tests.fakes.sites import Site
from tests.running import until
from tests.ssh_server import SshServer

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_packages")]
_START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_GARBAGE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def _pair() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web1.example")])
    end = _START + datetime.timedelta(days=36500)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, _START, end).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), private


class Tls(NamedTuple):
    """A site of which a virtual host speaks TLS; its tree is at ``there`` on its machine."""

    site: Site
    there: str

    def host(self, certificate: str, key: str = "web", name: str = "secure") -> bytes:
        """A virtual host by the certificate of the tree, with a key."""
        return (
            f"<VirtualHost 127.0.0.9:{self.site.port}>\nServerName {name}.example\nSSLEngine on\n"
            f"SSLCertificateFile tls/{certificate}\nSSLCertificateKeyFile {self.there}/tls/{key}.key\n</VirtualHost>\n"
        ).encode()


def _set_up(site: Site, there: str) -> Tls:
    made = Tls(site, there)
    folder = site.root / "tls"
    folder.mkdir()
    for name in ("web", "other"):
        certificate, key = _pair()
        (folder / f"{name}.crt").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(key)
    (folder / "current.crt").symlink_to("web.crt")
    (site.root / "conf.d/00-modules.conf").write_text(servers.load_modules("socache_shmcb", "ssl"))
    (site.root / "conf.d/tls.conf").write_bytes(made.host("current.crt"))
    return made


@pytest.fixture(scope="module", params=["here", "over SSH"])
def tls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, httpd: Path, ssh_keygen: str
) -> Iterator[Tls]:
    folder = tmp_path_factory.mktemp("tls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "SETTLE_S", 0.3)
        if request.param == "here":
            site = Site(folder)
            made = _set_up(site, str(site.root))
            with site.server:
                until(lambda: _answers(site))  # it reads everything once more after it has opened its port
                yield made
        else:
            with SshServer(folder / "web1") as far:
                there = FarSite(far, folder / "site")
                made = _set_up(there, "/etc/httpd")
                with there:
                    yield made


def _answers(site: Site) -> bool:
    try:
        return site.generation() > 0
    except OSError:
        return False


def _garbage(tls: Tls) -> None:
    (tls.site.root / "tls/web.crt").write_bytes(_GARBAGE)


def _elsewhere(tls: Tls) -> None:
    link = tls.site.root / "tls/current.crt"
    link.unlink()
    link.symlink_to("other.crt")


DEATHS: dict[str, tuple[Callable[[Tls], None], str]] = {
    "a garbage certificate": (_garbage, "no PEM certificate"),
    "a link to another's certificate": (_elsewhere, "the key does not belong to the certificate"),
}


@pytest.mark.parametrize(
    ("tls", "name"),
    [
        ("here", "a link to another's certificate"),
        ("here", "a garbage certificate"),
        ("over SSH", "a garbage certificate"),
    ],
    indirect=["tls"],
)
def test_a_state_of_before_that_would_end_the_server_is_not_gone_back_to(tls: Tls, name: str, tmp_path: Path) -> None:
    worsen, why = DEATHS[name]
    site, kept = tls.site, tmp_path / "tls"
    shutil.copytree(site.root / "tls", kept, symlinks=True)
    worsen(tls)
    revision = site.snapshot()
    shutil.rmtree(site.root / "tls")
    shutil.copytree(kept, site.root / "tls", symlinks=True)

    before, generation = site.files(), site.generation()
    made = site.propose(way=ToWay(revision, ("web1/httpd",)))
    site.approve(made.id)
    outcome = site.apply(made.id).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert re.search(why, outcome.text), outcome.text
    assert (site.files(), site.generation()) == (before, generation)


@pytest.mark.parametrize("tls", ["here"], indirect=True)
def test_a_pull_request_brings_a_certificate_with_what_names_it_and_no_other(tls: Tls, tmp_path: Path) -> None:
    site, folder = tls.site, tmp_path / "repository"

    def commit(name: str) -> None:
        for words in (("add", "-A"), ("commit", "-qm", name), ("tag", name)):
            who = ("-c", "user.name=ops", "-c", "user.email=ops@example.org")
            subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)

    def brought(name: str) -> str:
        made = site.propose(way=DiffWay(f"base..{name}", folder / "web", ("web1/httpd",)))
        site.approve(made.id)
        return made.id

    subprocess.run(["git", "init", "-q", str(folder)], check=True, capture_output=True, timeout=60)
    (folder / "web/tls").mkdir(parents=True)
    (folder / "web/conf.d").mkdir()
    shutil.copy(site.root / "conf.d/tls.conf", folder / "web/conf.d/tls.conf")
    commit("base")
    (folder / "web/tls/new.crt").write_bytes(_GARBAGE)
    (folder / "web/conf.d/zz-new.conf").write_bytes(tls.host("new.crt", "other", "new"))
    commit("garbage")
    before, generation = site.files(), site.generation()
    outcome = site.apply(brought("garbage")).outcomes[0]
    assert outcome.outcome == "refused", outcome
    assert "conf.d/zz-new.conf:4" in outcome.text
    assert "no PEM certificate" in outcome.text
    assert (site.files(), site.generation()) == (before, generation)

    shutil.copy(site.root / "tls/other.crt", folder / "web/tls/new.crt")
    commit("whole")
    plan = brought("whole")
    outcome = site.apply(plan).outcomes[0]
    assert outcome.outcome == "applied", outcome
    assert ("2 certificates and their keys belong together", True) in outcome.checks
    assert site.generation() == generation + 1
    assert [one.outcome for one in site.rollback(plan).outcomes] == ["rolled back"]
    assert site.files() == before
