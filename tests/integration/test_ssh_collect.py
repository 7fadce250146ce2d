"""Collecting over SSH, from a real sshd: what is collected is what reading the disk there gives."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.model.snapshot import Collected, Gap
from auditor.model.target import LocalTree, SshTree, Target
from auditor.services.observe import observe
from auditor.surfaces.httpd.collect import WHOLE_TARGET, collect
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.ssh.connection import SshConnection
from tests import servers
from tests.fakes.plans import SEALER
from tests.far_shells import far_shell
from tests.ssh_server import USER, SshServer

pytestmark = pytest.mark.integration
MAIN = "ServerName web1.example\nTimeout 60\n"


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[SshConnection]:
    """Every connection that is made."""
    made: list[SshConnection] = []
    init = SshConnection.__init__

    def noting(self: SshConnection, *arguments: object, **named: object) -> None:
        init(self, *arguments, **named)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(SshConnection, "__init__", noting)
    return made


def over_ssh(path: str = "", host: str = "web1", **named: object) -> Collected:
    target = Target(host, "httpd", SshTree(host, path, **named))  # type: ignore[arg-type]
    return asyncio.run(collect(target, CollectOptions(SEALER, environment=dict(os.environ))))


def on_disk(path: Path, **named: object) -> Collected:
    return asyncio.run(collect(Target("web1", "httpd", LocalTree(str(path), **named)), CollectOptions(SEALER)))  # type: ignore[arg-type]


def assert_alike(far: Collected, near: Collected) -> None:
    """The same documents and gaps, and all facts of the disk; who logs in may be told more."""
    assert far.documents == near.documents
    assert far.gaps == near.gaps
    assert set(far.facts) >= set(near.facts)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A tree with all that is odd, which includes from outside of itself."""
    root, outside = tmp_path / "etc/httpd", tmp_path / "outside"
    for folder in (root / "conf", root / "conf.d", root / "empty", outside / "more", tmp_path / "logs"):
        folder.mkdir(parents=True)
    (root / "conf/httpd.conf").write_text(
        f'ServerRoot "{root}"\nListen 80\nInclude conf.d/*.conf\nIncludeOptional conf.d/*.local\nDefine FAR {outside}\n'
        f"Include ${{FAR}}/*.inc\nIncludeOptional {outside}/none/*.conf\n"
        f"<IfFile {outside}/absent>\nTimeout 1\n</IfFile>\n"
        f"SSLCertificateKeyFile {outside}/site.pem\nSSLCertificateFile {outside}/site.crt\nInclude {outside}/more/sub\n"
    )
    for number in range(55):
        (root / f"conf.d/v{number:02}.conf").write_text(
            f"<VirtualHost *:80>\nServerName web{number}.example\n"
            + "ProxyTimeout 60\n# filler\n" * 280
            + "</VirtualHost>\n"
        )
    (root / "conf.d/plain.local").write_text("ProxyTimeout 61\n")
    (root / "conf.d/日本語 'と\".conf").write_text("# タイムアウト\n")
    (root / "conf.d/line\nfeed.conf").write_text("KeepAlive On\n")
    (outside / "a.inc").write_text(f"Include {outside}/more/*.conf\n")
    (outside / "more/b.conf").write_text("Timeout 9\nRequestHeader set Authorization 'Bearer planted-s3cret'\n")
    (outside / "more/sub").mkdir()
    (outside / "more/sub/c").write_text("KeepAliveTimeout 3\n")
    (outside / "site.pem").write_text("-----BEGIN PRIVATE KEY-----\nplanted\n")
    (root / "conf.d/held").write_text("x\n-----BEGIN EC PRIVATE KEY-----\nplanted\n")
    (root / "conf/server.key").write_text("-----BEGIN PRIVATE KEY-----\nplanted\n")
    (root / "conf/binary").write_bytes(b"\0\1\2")
    (root / "conf/users.htpasswd").write_text("ops1:$apr1$planted\n")
    for name, text in {
        "loop": "loop", "dangling": "nowhere", "logs": "../../logs", "linked": str(outside / "more/b.conf"),
        "conf/up.key": f"{outside}/site.crt", "round": "round2", "round2": "round",
    }.items():  # fmt: skip
        (root / name).symlink_to(text)
    (outside / "site.crt").write_text("certificate\n")
    Path(os.fsdecode(os.fsencode(root) + b"/conf/\xff.conf")).write_text("x")
    os.mkfifo(root / "conf/fifo")
    with (root / "conf/sparse.conf").open("wb") as file:
        file.truncate(1 << 30)
    (root / "conf/httpd.conf").chmod(0o640)
    return root


def test_it_gives_the_documents_and_gaps_of_the_disk_in_few_round_trips(
    ssh_server: SshServer, odd: Path, connections: list[SshConnection]
) -> None:
    far, near = over_ssh(str(odd)), on_disk(odd)
    assert_alike(far, near)
    assert connections[0].round_trips <= 11  # three of them for what is included from what is included, three for facts
    assert len(far.documents) > 60
    assert {(gap.what, gap.cause) for gap in far.gaps} >= {
        ("conf/sparse.conf", "too large"),
        ("conf/fifo", "unsupported"),
        ("conf/\\xff.conf", "not recognised"),
    }
    assert b"planted" not in b"".join(document.content for document in far.documents)
    assert ssh_server.logins() == 1
    assert ssh_server.falls_quiet()


def test_a_tree_of_sixty_files_takes_eight_round_trips_with_all_that_the_machine_says(
    ssh_server: SshServer, connections: list[SshConnection]
) -> None:
    ssh_server.put("/etc/httpd/conf/httpd.conf", f"{MAIN}Include conf.d/*.conf\nInclude /opt/shared/*.conf\n")
    for number in range(58):
        ssh_server.put(f"/etc/httpd/conf.d/{number}.conf", "Timeout 60\n")
    ssh_server.put("/opt/shared/a.conf", "Timeout 60\n")
    collected = over_ssh("/etc/httpd")
    assert (len(collected.documents), collected.gaps) == (60, ())
    assert connections[0].round_trips <= 8


def test_the_number_of_round_trips_does_not_depend_on_the_number_of_files(
    ssh_server: SshServer, odd: Path, connections: list[SshConnection]
) -> None:
    over_ssh(str(odd))
    for number in range(300):
        (odd / f"conf.d/w{number}.conf").write_text("Timeout 60\n")
        (odd.parent.parent / f"outside/w{number}.inc").write_text("Timeout 60\n")
    collected = over_ssh(str(odd))
    assert len(collected.documents) > 660
    assert connections[1].round_trips == connections[0].round_trips


def test_debians_own_tree_reads_alike(ssh_server: SshServer, debian_tree: Path) -> None:
    far, near = over_ssh(str(debian_tree)), on_disk(debian_tree)
    assert_alike(far, near)


@pytest.mark.parametrize("place", ["", "/conf", "/conf/httpd.conf"])
def test_a_tree_may_be_named_by_its_root_its_conf_or_its_main_file(
    ssh_server: SshServer, odd: Path, place: str
) -> None:
    assert over_ssh(f"{odd}{place}").documents == on_disk(odd).documents


def test_a_tree_named_by_a_link_reads_alike(ssh_server: SshServer, odd: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(odd)
    far, near = over_ssh(str(link)), on_disk(link)
    assert_alike(far, near)


def test_a_machine_with_nothing_but_busybox_reads_alike(
    tmp_path: Path, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has nothing but busybox: its login shell, its applets, no Python."""
    applets = tmp_path / "far"
    far_shell(applets, "busybox")
    path = str(applets / "there")
    with SshServer(tmp_path / "web1", shell=f"{path}/sh", path=path) as server:
        monkeypatch.setenv("AUDITOR_SSH_CONFIG", str(server.config))
        far, near = over_ssh(str(odd)), on_disk(odd)
    assert_alike(far, near)


@pytest.mark.parametrize(
    ("main", "root"),
    [
        ("/etc/httpd/conf/httpd.conf", "/etc/httpd"),
        ("/etc/apache2/apache2.conf", "/etc/apache2"),
        ("/opt/rh/httpd24/root/etc/httpd/conf/httpd.conf", "/opt/rh/httpd24/root/etc/httpd"),
        ("/opt/rh/jbcs-httpd24/root/etc/httpd/conf/httpd.conf", "/opt/rh/jbcs-httpd24/root/etc/httpd"),
        ("/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2"),
    ],
)
def test_the_tree_is_found_where_none_is_named(ssh_server: SshServer, main: str, root: str) -> None:
    ssh_server.put(main, f'ServerRoot "{root}"\n{MAIN}')
    collected = over_ssh()
    assert (collected.fact("root"), collected.gaps) == (root, ())


def test_several_trees_are_named_and_none_is_chosen(ssh_server: SshServer) -> None:
    ssh_server.put("/etc/httpd/conf/httpd.conf", MAIN)
    ssh_server.put("/usr/local/apache2/conf/httpd.conf", MAIN)
    with pytest.raises(InputError, match="/etc/httpd, /usr/local/apache2") as caught:
        over_ssh()
    assert "ssh://web1/etc/httpd" in str(caught.value)
    with pytest.raises(InputError, match=r"holds no absent\.conf"):
        over_ssh("/etc/httpd", main_file="absent.conf")


def test_no_tree_says_where_it_was_looked_for(ssh_server: SshServer) -> None:
    with pytest.raises(InputError, match="no tree of httpd stands in a usual place") as caught:
        over_ssh()
    assert "/opt/rh/httpd24/root/etc/httpd" in str(caught.value)
    with pytest.raises(InputError, match="ssh://web1: /etc/nowhere does not exist"):
        over_ssh("/etc/nowhere")


def test_what_the_account_may_not_read_is_a_gap_that_names_the_right(ssh_server: SshServer) -> None:
    ssh_server.host("low", user=USER)
    ssh_server.put("/etc/httpd/conf/httpd.conf", f"{MAIN}Include conf.d/*.conf\nInclude closed/*.conf\n")
    ssh_server.put("/etc/httpd/conf.d/open.conf", "Timeout 61\n")
    ssh_server.put("/etc/httpd/conf.d/secret.conf", "Timeout 62\n", mode=0o600)
    ssh_server.put("/etc/httpd/closed/a.conf", "Timeout 63\n")
    ssh_server.here("/etc/httpd/closed").chmod(0o700)
    collected = over_ssh("/etc/httpd", "low")
    assert [document.name for document in collected.documents] == ["conf.d/open.conf", "conf/httpd.conf"]
    assert [(gap.what, gap.cause, "sudo: true" in gap.next_step) for gap in collected.gaps] == [
        ("closed", "not permitted", True),
        ("conf.d/secret.conf", "not permitted", True),
    ]
    assert over_ssh("/etc/httpd").gaps == ()


@pytest.fixture
def sudoer(ssh_server: SshServer) -> SshServer:
    if not Path("/usr/bin/sudo").exists():
        servers.missing("sudo")
    ssh_server.host("low", user=USER)
    ssh_server.put(
        "/etc/pam.d/sudo",
        "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n",
    )
    ssh_server.put("/etc/httpd/conf/httpd.conf", MAIN, mode=0o600)
    ssh_server.put("/etc/sudoers", f"root ALL=(ALL) ALL\n{USER} ALL=(root) NOPASSWD: /bin/sh\n", mode=0o440)
    return ssh_server


def test_sudo_reads_what_the_account_may_not(sudoer: SshServer) -> None:
    assert over_ssh("/etc/httpd", "low", sudo=True).gaps == ()
    assert [gap.cause for gap in over_ssh("/etc/httpd", "low").gaps] == ["not permitted"]


@pytest.mark.parametrize(
    ("sudoers", "does"),
    [
        ("root ALL=(ALL) ALL\n", "USER ALL=(root) NOPASSWD: /bin/sh"),
        (f"Defaults requiretty\n{USER} ALL=(root) NOPASSWD: ALL\n", "Defaults:USER !requiretty"),
    ],
)
def test_sudo_that_is_refused_says_which_line_grants_it(sudoer: SshServer, sudoers: str, does: str) -> None:
    sudoer.put("/etc/sudoers", sudoers, mode=0o440)
    (gap,) = over_ssh("/etc/httpd", "low", sudo=True).gaps
    assert (gap.what, gap.cause) == (WHOLE_TARGET, "not permitted")
    assert "sudo -n is refused" in gap.detail
    assert does in gap.next_step


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may label files")
def test_labels_are_read_where_selinux_is_and_are_the_same_on_the_disk(
    tmp_path: Path, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The far side looks as if it had SELinux; labels are plain extended attributes to a kernel without it."""
    label = "system_u:object_r:httpd_config_t:s0"
    try:
        os.setxattr(odd / "conf/httpd.conf", "security.selinux", label.encode() + b"\0")
    except OSError:
        servers.missing("a file system that keeps labels")
    sysfs = tmp_path / "sysfs"
    (sysfs / "selinux").mkdir(parents=True)
    (sysfs / "selinux/enforce").write_text("1")
    with SshServer(tmp_path / "web1", mounts={sysfs: "/sys/fs"}) as server:
        monkeypatch.setenv("AUDITOR_SSH_CONFIG", str(server.config))
        far = over_ssh(str(odd))
    monkeypatch.setattr("auditor.transport.local._SELINUX", (str(sysfs / "selinux/enforce"),))
    near = on_disk(odd)
    assert far.documents == near.documents
    found = {document.name: document.selinux for document in far.documents}
    assert (found["conf/httpd.conf"], found["conf.d/v00.conf"]) == (label, "")


def test_through_a_jump_host(ssh_server: SshServer, odd: Path, tmp_path: Path) -> None:
    with SshServer(tmp_path / "jump", "jump") as jump:
        with ssh_server.config.open("a") as file:
            file.write(jump.config.read_text())
        ssh_server.host("behind", ProxyJump="jump")
        assert over_ssh(str(odd), "behind").documents == on_disk(odd).documents
        assert (jump.logins(), ssh_server.logins()) == (1, 1)
        # The jump host's own words say which of the two refused.
        (jump.etc / "ssh/authorized").write_text("")
        (gap,) = over_ssh(str(odd), "behind").gaps
        assert (gap.what, gap.cause) == (WHOLE_TARGET, "refused")


def test_many_hosts_at_once_with_the_bad_ones_among_them(ssh_server: SshServer) -> None:
    ssh_server.put("/etc/httpd/conf/httpd.conf", MAIN)
    closed = servers.free_port()
    ssh_server.host("closed", port=closed)
    names = [ssh_server.host(f"web{number}") for number in range(2, 22)]
    targets = [Target(name, "httpd", SshTree(name, "/etc/httpd")) for name in (*names, "closed")]
    options = CollectOptions(SEALER, environment=dict(os.environ))

    async def run() -> dict[str, tuple[Gap, ...]]:
        found = {}
        async for one in observe(targets, None, options, InterpretOptions()):
            found[one.target.host] = one.collected.gaps if not one.seen else ()
        return found

    found = asyncio.run(run())
    assert sorted(found) == sorted([*names, "closed"])
    assert [host for host, gaps in found.items() if gaps] == ["closed"]
    assert ssh_server.falls_quiet()
