"""What a person means by a TARGET."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.model.target import Archive, IloEndpoint, LocalTree, SshTree, StoredSnapshot
from auditor.services.fleet import Fleet, load_fleet
from auditor.services.inventory import resolve_targets
from auditor.store import Store
from tests.fakes.stored import collected, document, night

TEXT = """format: auditor.fleet/v1
fleet: {id: fleet-1}
hosts:
  web1: {groups: [proxies], httpd: {tree: trees/web1}, ilo: {url: "https://web1-ilo.example:8443"}}
  web2: {groups: [proxies], httpd_instances: {blue: {tree: trees/blue}, green: {archive: green.tar}}}
  ウェブ3: {ilo: {url: "https://10.0.0.3", verify: false}}
groups: {empty: {description: nobody}}
ansible_inventory: hosts.ini
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    root = tmp_path / "fleet"
    (root / "trees/web1").mkdir(parents=True)
    (root / "hosts.ini").write_text("[lonely]\nweb9\n")
    (root / "auditor.yaml").write_text(TEXT, encoding="utf-8")
    return load_fleet(root)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["all"], ["web1/httpd", "web1/ilo", "web2/httpd@blue", "web2/httpd@green", "ウェブ3/ilo"]),
        (["web1"], ["web1/httpd", "web1/ilo"]),
        (["web1/ilo"], ["web1/ilo"]),
        (["web2/httpd"], ["web2/httpd@blue", "web2/httpd@green"]),
        (["web2/httpd@green"], ["web2/httpd@green"]),
        (["proxies"], ["web1/httpd", "web1/ilo", "web2/httpd@blue", "web2/httpd@green"]),
        (["proxies/ilo"], ["web1/ilo"]),
        (["all/httpd"], ["web1/httpd", "web2/httpd@blue", "web2/httpd@green"]),
        (["ウェブ3", "web1/ilo", "all/ilo"], ["ウェブ3/ilo", "web1/ilo"]),
    ],
)
def test_names_of_the_inventory(fleet: Fleet, words: list[str], names: list[str]) -> None:
    assert [target.name for target in resolve_targets(words, fleet)] == names


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("web4", "did you mean web"),
        ("web1/http", "did you mean web1/httpd"),
        ("web2/httpd@red", "there is no target"),
        ("proxy", "did you mean proxies"),
        ("empty", "has no hosts"),
        ("web9", "does not say how it is read"),
        ("ssh://", "no host that is read over SSH"),
        ("ssh://-oProxyCommand=x/etc/httpd", "no host that is read over SSH"),
        ("ssh://web1:0/etc/httpd", "no port from 1 to 65535"),
        ("ssh://web1:x/etc/httpd", "no port from 1 to 65535"),
        ("ssh://@web1/etc/httpd", "names no user"),
        ("ssh://ops:hunter2@web1/etc/httpd", "no credentials"),
        ("ssh://[::1/etc/httpd", "is no address"),
        ("ftp://x", "ftp:// is not known"),
        ("/no/such/tree", "there is no /no/such/tree"),
        ("ilo://", "not the address of an iLO"),
        ("ilo://h/redfish", "not the address of an iLO"),
        ("ilo://h:99999", "ilo://HOST:PORT"),
        ("ilo://admin:hunter2@h", "no credentials"),
        ("snapshot:", "names no snapshot"),
        ("snapshot:web1/httpd", "names no snapshot"),
    ],
)
def test_a_word_that_means_nothing_says_what_would(fleet: Fleet, word: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        resolve_targets([word], fleet)
    assert "hunter2" not in str(caught.value)


def test_every_word_that_means_nothing_is_named(fleet: Fleet) -> None:
    with pytest.raises(InputError) as caught:
        resolve_targets(["web1", "nope1", "nope2"], fleet)
    assert len(caught.value.others) == 1


def test_a_tree_of_this_machine_is_localhost_and_another_is_called_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()
    (etc,) = resolve_targets(["/etc"], None)
    assert (etc.name, etc.location) == ("localhost/httpd", LocalTree("/etc"))
    (sample,) = resolve_targets(["sample"], None, cwd=tmp_path)
    assert (sample.name, sample.location) == ("sample/httpd", LocalTree(str(tmp_path / "sample")))


def test_a_main_file_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/httpd.conf").write_text("")
    (target,) = resolve_targets([str(tmp_path / "conf/httpd.conf")], None)
    assert target.location == LocalTree(str(tmp_path / "conf"), main_file="httpd.conf")


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz", ".tar.xz"])
def test_an_archive_is_called_by_its_name(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sosreport-web1{ending}"
    with tarfile.open(path, "w:gz" if ending in (".tar.gz", ".tgz") else "w"):
        pass
    (target,) = resolve_targets([str(path)], None)
    assert (target.name, target.location) == ("sosreport-web1/httpd", Archive(str(path)))


def test_a_file_that_is_no_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="neither a folder nor a tar archive"):
        resolve_targets([str(tmp_path / "notes.txt")], None)


@pytest.mark.parametrize("name", ["web1.zip", "web1.tar.bz2", "web1.TGZ"])
def test_what_looks_like_an_archive_and_cannot_be_read_says_which_can(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 no tar")
    with pytest.raises(InputError, match="not a tar archive that can be read") as caught:
        resolve_targets([str(tmp_path / name)], None)
    assert "plain, gz, bz2, xz" in str(caught.value)


def test_two_folders_called_alike_stay_two_targets(tmp_path: Path) -> None:
    for name in ("a/httpd", "b/httpd"):
        (tmp_path / name).mkdir(parents=True)
    found = resolve_targets(["a/httpd", "b/httpd", "a/httpd"], None, cwd=tmp_path)
    assert [target.name for target in found] == ["httpd/httpd", "httpd-2/httpd"]


def test_a_path_that_the_inventory_knows_is_the_inventory_s_target(fleet: Fleet) -> None:
    (target,) = resolve_targets([str(fleet.root / "trees/web1")], fleet)
    assert target.name == "web1/httpd"


def test_an_ilo_may_be_named_by_its_address(fleet: Fleet, tmp_path: Path) -> None:
    (target,) = resolve_targets(["ilo://127.0.0.1:8443"], None)
    assert (target.name, target.location) == ("127.0.0.1:8443/ilo", IloEndpoint("https://127.0.0.1:8443"))
    assert resolve_targets(["ilo://[::1]"], None)[0].location == IloEndpoint("https://[::1]")
    assert resolve_targets(["ilo://WEB1-ilo.example:8443"], fleet)[0].name == "web1/ilo"


def test_a_cafile_verifies_every_ilo_even_one_that_the_inventory_trusts_blindly(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    found = resolve_targets(["ilo://x", "ウェブ3", "web1/httpd"], fleet, cafile="ca.pem", cwd=tmp_path)
    ilos = [target.location for target in found if isinstance(target.location, IloEndpoint)]
    assert [(one.cafile, one.verify) for one in ilos] == [(str(tmp_path / "ca.pem"), True)] * 2
    with pytest.raises(InputError, match="there is no file"):
        resolve_targets(["ilo://x"], None, cafile="nowhere.pem")


def test_snapshots_are_named_by_revision_or_date(fleet: Fleet) -> None:
    with Store.create(fleet.store_path) as store:
        first = store.write([collected("web1/httpd"), collected("web1/ilo")], now=night(0))
        second = store.write([collected("web1/httpd", document("x"))], now=night(1))
    (target,) = resolve_targets(["snapshot:latest:web1/httpd"], fleet)
    assert target.location == StoredSnapshot(second.revision, "web1/httpd")
    assert target.groups == ("all", "proxies")
    (target,) = resolve_targets(["snapshot:2026-11-22T02:00Z:web1/httpd"], fleet)
    assert target.location == StoredSnapshot(first.revision, "web1/httpd")
    assert [one.name for one in resolve_targets(["snapshot:agreed:all"], fleet)] == ["web1/httpd", "web1/ilo"]
    assert [one.name for one in resolve_targets(["snapshot:latest~1:proxies"], fleet)] == ["web1/httpd", "web1/ilo"]
    with pytest.raises(InputError, match="has no target 'web7'"):
        resolve_targets(["snapshot:latest:web7"], fleet)


def test_without_a_fleet_only_paths_and_addresses_mean_something() -> None:
    for word in ("web1", "all", "snapshot:latest:web1/httpd"):
        with pytest.raises(InputError, match="auditor init"):
            resolve_targets([word], None)


@pytest.mark.parametrize(
    ("word", "name", "tree"),
    [
        ("ssh://web1/etc/httpd", "web1/httpd", SshTree("web1", "/etc/httpd")),
        ("ssh://web1", "web1/httpd", SshTree("web1")),
        ("ssh://web1/", "web1/httpd", SshTree("web1")),
        ("SSH://Web1//opt/../opt/a b/%20/", "Web1/httpd", SshTree("Web1", "/opt/a b/%20")),
        ("ssh://ops1@web1:2222/etc/httpd", "web1:2222/httpd", SshTree("web1", "/etc/httpd", "ops1", 2222)),
        ("ssh://[2001:db8::1]:22/etc/httpd", "2001:db8::1:22/httpd", SshTree("2001:db8::1", "/etc/httpd", "", 22)),
    ],
)
def test_a_machine_that_is_read_over_ssh(word: str, name: str, tree: SshTree) -> None:
    (target,) = resolve_targets([word], None)
    assert (target.name, target.location) == (name, tree)


def test_a_tree_that_the_inventory_has_is_the_inventorys(tmp_path: Path) -> None:
    hosts = (
        "  web1:\n    httpd: {ssh: ops1@web1, tree: /etc/httpd, sudo: true}\n"
        "  web2:\n    httpd_instances:\n      a: {ssh: web2, tree: /opt/a}\n      b: {ssh: web2, tree: /opt/b}\n"
    )
    (tmp_path / "auditor.yaml").write_text(f"format: auditor.fleet/v1\nfleet: {{id: fleet-1}}\nhosts:\n{hosts}")
    fleet = load_fleet(tmp_path)

    def named(word: str) -> str:
        (target,) = resolve_targets([word], fleet)
        return target.name

    assert named("ssh://web1/etc/httpd") == named("ssh://web1") == named("ssh://ops1@web1:22") == "web1/httpd"
    assert named("ssh://web2/opt/b") == "web2/httpd@b"
    assert named("ssh://ops2@web1/etc/httpd") == named("ssh://web1/opt/other") == "web1/httpd"
    with pytest.raises(InputError, match="may be any of web2/httpd@a, web2/httpd@b"):
        resolve_targets(["ssh://web2"], fleet)
