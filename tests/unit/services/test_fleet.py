"""``auditor.yaml``: what it gives, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.model.secret import Sealer
from auditor.model.target import Archive, IloEndpoint, LocalTree, SshTree
from auditor.services.changes.desk import Desk
from auditor.services.fleet import Fleet, find_fleet, load_fleet
from auditor.services.naming import valid_host

HEAD = "format: auditor.fleet/v1\nfleet: {id: fleet-1, key_id: 00abcdef}\n"


def fleet(folder: Path, text: str, *, head: str = HEAD) -> Fleet:
    folder.mkdir(exist_ok=True)
    (folder / "auditor.yaml").write_text(head + text, encoding="utf-8")
    return load_fleet(folder)


FULL = """
store: {path: ../store.git, remote: "git@host.example:store.git"}
hosts:
  web1:
    groups: [proxies, tokyo]
    httpd:
      tree: trees/web1
      server: [/usr/sbin/httpd, -d, /etc/httpd]
      probe: http://127.0.0.1:8080/health
      state_dir: /var/lib/auditor
      httpd_version: 2.4.10
      defines: [SSL, "PORT=8080"]
      environment: {LANG: C, PORT: 80}
      main_file: conf/httpd.conf
      built_in: [mpm_event, mod_log_config.c]
    ilo: {url: "https://web1-ilo.example:8443/", cafile: trust/web1.pem, username_env: ILO_U, password_env: ILO_P}
  ウェブ2:
    httpd_instances:
      blue: {tree: /opt/blue/etc/httpd}
      green: {archive: collected/green.tar.gz, root: etc/httpd}
    ilo: {url: "https://10.0.0.7", verify: false}
groups:
  tokyo: {description: 東京, hosts: [ウェブ2]}
ansible_inventory: inventory.ini
policies: {use: [httpd-timeouts], files: [policies/*.yaml, own.yaml]}
baselines: [baselines/*.yaml]
waivers: waivers.yaml
approvals: {required: 2, expire_hours: 24, approvers: trust/approvers, default_branch: release/1}
reading: {full_read_hours: 0}
"""


@pytest.fixture
def full(tmp_path: Path) -> Fleet:
    root = tmp_path / "fleet"
    for name in ("policies", "baselines"):
        (root / name).mkdir(parents=True)
    for name in ("policies/b.yaml", "policies/a.yaml", "policies/notes.txt", "own.yaml", "waivers.yaml"):
        (root / name).write_text("")
    (root / "inventory.ini").write_text("[proxies]\nweb1\nweb9 ansible_host=10.0.0.9\n[osaka:children]\nproxies\n")
    return fleet(root, FULL)


def test_a_whole_fleet_is_read(full: Fleet) -> None:
    root = full.root
    assert [target.name for target in full.targets] == [
        "web1/httpd",
        "web1/ilo",
        "ウェブ2/httpd@blue",
        "ウェブ2/httpd@green",
        "ウェブ2/ilo",
    ]
    by_name = {target.name: target for target in full.targets}
    assert by_name["web1/httpd"].location == LocalTree(
        str(root / "trees/web1"),
        "conf/httpd.conf",
        ("/usr/sbin/httpd", "-d", "/etc/httpd"),
        (("LANG", "C"), ("PORT", "80")),
        ("SSL", "PORT=8080"),
        "2.4.10",
        "/var/lib/auditor",
        "http://127.0.0.1:8080/health",
        ("mpm_event", "mod_log_config.c"),
    )
    assert by_name["web1/ilo"].location == IloEndpoint(
        "https://web1-ilo.example:8443", str(root / "trust/web1.pem"), True, "ILO_U", "ILO_P"
    )
    assert by_name["ウェブ2/ilo"].location == IloEndpoint("https://10.0.0.7", verify=False)
    assert by_name["ウェブ2/httpd@green"].location == Archive(str(root / "collected/green.tar.gz"), "etc/httpd")
    assert by_name["web1/httpd"].groups == ("all", "osaka", "proxies", "tokyo")
    assert full.groups == {"osaka": ("web1",), "proxies": ("web1",), "tokyo": ("web1", "ウェブ2")}
    assert full.listed == ("web9",)
    assert [path.name for path in full.policy_files] == ["own.yaml", "a.yaml", "b.yaml"]
    assert (full.policy_names, full.baseline_files) == (("httpd-timeouts",), ())
    assert full.waivers_file == root / "waivers.yaml"
    assert (full.approval_rules.required, full.expiry_hours, full.default_branch) == (2, 24, "release/1")
    assert full.full_read_hours == 0
    assert full.approvers_file == root / "trust/approvers"
    assert full.store_path == root / "../store.git"
    assert full.store_remote == "git@host.example:store.git"


def test_little_is_enough(tmp_path: Path) -> None:
    found = fleet(tmp_path / "f", "hosts: {}\n")
    assert (found.targets, found.groups) == ((), {})
    assert found.store_path == tmp_path / "f/.auditor/store.git"
    assert (found.approval_rules.required, found.expiry_hours, found.default_branch) == (1, 72, "main")
    assert found.full_read_hours == 24


def test_a_tree_on_another_machine(tmp_path: Path) -> None:
    (tmp_path / "own_config").write_text("")
    (tmp_path / "auditor.yaml").write_text(
        "format: auditor.fleet/v1\nfleet: {id: f}\nssh_config: own_config\nhosts:\n"
        "  web1: {httpd: {ssh: web1}}\n"
        "  web2:\n    httpd_instances:\n      blue:\n        ssh: ops1@web2.example:2222\n"
        "        tree: /opt//rh/httpd24/root/etc/httpd/\n        sudo: true\n        server: [/opt/sbin/httpd, -D, B]\n"
        "        defines: [SSL]\n        environment: {LANG: C}\n        httpd_version: 2.4.6\n"
        "        built_in: [core]\n"
    )
    web1, web2 = load_fleet(tmp_path).targets
    config = str(tmp_path / "own_config")
    assert web1.location == SshTree("web1", config=config)
    assert web2.name == "web2/httpd@blue"
    assert web2.location == SshTree(
        host="web2.example",
        path="/opt/rh/httpd24/root/etc/httpd",
        user="ops1",
        port=2222,
        sudo=True,
        config=config,
        server=("/opt/sbin/httpd", "-D", "B"),
        environment=(("LANG", "C"),),
        defines=("SSL",),
        httpd_version="2.4.6",
        built_in=("core",),
    )


def test_a_fleet_is_found_from_below(tmp_path: Path) -> None:
    fleet(tmp_path, "")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_fleet(tmp_path / "a" / "b") == tmp_path / "auditor.yaml"
    with pytest.raises(InputError, match=r"there is no auditor\.yaml"):
        load_fleet(Path("/proc/self"))


MISTAKES = [
    ("hosts:\n  web1: {httpd: {tre: /etc/httpd}}\n", "4:23", "did you mean tree"),
    ("hosts:\n  web1: {httpd: {tree: /a, archive: b}}\n", "4:17", "either a tree or an archive"),
    ("hosts:\n  web1: {httpd: {archive: b, probe: http://x/}}\n", "4:37", "no meaning for an archive"),
    ("hosts:\n  web1: {}\n", "4:9", "nothing of web1 is to be read"),
    ("hosts: [web1]\n", "3:8", "a mapping is expected, not a list"),
    ("hosts:\n  ../x: {httpd: {tree: /a}}\n", "4:9", "holds one of /"),
    ("hosts:\n  '..': {httpd: {tree: /a}}\n", "4:9", "is no name"),
    ('hosts:\n  "a\\nb": {httpd: {tree: /a}}\n', "4:11", "control characters"),
    ("hosts:\n  all: {httpd: {tree: /a}}\n", "4:8", "every host's group"),
    ("hosts:\n  web1: {httpd: {tree: /a}}\n  WEB1: {httpd: {tree: /b}}\n", "5:9", "differ only in capitals"),
    ("hosts:\n  web1: {ilo: {url: http://x}}\n", "4:21", "https://"),
    ("hosts:\n  web1: {ilo: {url: 'https://u:p@x'}}\n", "4:21", "no credentials"),
    ("hosts:\n  web1: {ilo: {url: 'https://x/redfish'}}\n", "4:21", "without a path"),
    ("hosts:\n  web1: {ilo: {url: 'https://x', verify: maybe}}\n", "4:42", "true or false"),
    ("hosts:\n  web1: {ilo: {url: 'https://x', password: hunter2}}\n", "4:44", "no secret stands in this file"),
    ("hosts:\n  web1: {ilo: {url: 'https://x', password_env: 'a b'}}\n", "4:48", "variable's name"),
    ("hosts:\n  web1: {httpd: {tree: /a, server: /usr/sbin/httpd -f x}}\n", "4:36", "[/usr/sbin/httpd, -f, x]"),
    ("hosts:\n  web1: {httpd: {tree: /a, httpd_version: two}}\n", "4:43", "version such as"),
    ("hosts:\n  web1: {httpd: {tree: /a, environment: {DB_PASSWORD: x}}}\n", "4:55", "no secret"),
    ("hosts:\n  web1: {httpd: {ssh: -oProxyCommand=x}}\n", "4:23", "no host that is read over SSH"),
    ("hosts:\n  web1: {httpd: {ssh: 'ops:x@web1'}}\n", "4:23", "no credentials"),
    ("hosts:\n  web1: {httpd: {ssh: web1, tree: etc/httpd}}\n", "4:35", "starts with a slash"),
    ("hosts:\n  web1: {httpd: {ssh: web1, tree: /a, state_dir: auditor}}\n", "4:50", "starts with a slash"),
    ("hosts:\n  web1: {httpd: {ssh: web1, archive: a.tar}}\n", "4:38", "no meaning for a tree that is read over SSH"),
    ("hosts:\n  web1: {httpd: {ssh: web1, sudo: maybe}}\n", "4:35", "true or false"),
    ("hosts:\n  web1: {httpd: {tree: /a, sudo: true}}\n", "4:34", "no meaning for a tree"),
    ("ssh_config: nowhere\n", "3:13", "there is no file"),
    ("hosts:\n  web1: {groups: web, httpd: {tree: /a}}\n", "4:18", "a list is expected"),
    ("hosts:\n  web1: {groups: [web1], httpd: {tree: /a}}\n", None, "both a host and a group"),
    ("groups: {g: {hosts: [web9]}}\n", "3:22", "there is no host 'web9'"),
    ("policies: {use: [httpd-timeout]}\n", "3:18", "did you mean httpd-timeouts?"),
    ("approvals: {required: 0}\n", "3:23", "from 1 to 20"),
    ("reading: {full_read_hours: -1}\n", "3:28", "from 0 to 744"),
    ("approvals: {required: yes}\n", "3:23", "from 1 to 20"),
    ("waivers: nowhere.yaml\n", "3:10", "there is no file"),
    ("policies: {files: [nowhere.yaml]}\n", "3:20", "there is no file"),
    ("policies: {files: ['../*.yaml']}\n", "3:20", "stays below"),
    ("ansible_inventory: nowhere.ini\n", "3:20", "there is no file"),
    ("polices: {}\n", "3:10", "did you mean policies"),
]


@pytest.mark.parametrize(("text", "where", "says"), MISTAKES)
def test_each_mistake_is_named_with_its_place(tmp_path: Path, text: str, where: str | None, says: str) -> None:
    with pytest.raises(InputError) as caught:
        fleet(tmp_path, text)
    assert says in str(caught.value)
    if where:
        assert str(caught.value).startswith(f"{tmp_path}/auditor.yaml:{where}: ")


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fleet(tmp_path, "".join(one for one in ("approvals: {required: 0}\n", "polices: {}\n", "waivers: no.yaml\n")))
    assert len(caught.value.others) == 2


def test_a_secret_s_value_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        fleet(tmp_path, "hosts:\n  web1: {ilo: {url: 'https://x', password: hunter2}}\n")
    assert "hunter2" not in str(caught.value)
    assert "password_env" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("fleet: {id: a}\n", "format is missing"),
        ("format: auditor.fleet/v2\nfleet: {id: a}\n", "expected auditor.fleet/v1"),
        ("format: auditor.fleet/v1\n", "fleet.id is missing"),
        ("format: auditor.fleet/v1\nfleet: {id: ../x}\n", "letters, digits"),
        ("format: auditor.fleet/v1\nfleet: {id: a, key_id: xyz}\n", "eight digits"),
    ],
)
def test_what_a_fleet_must_say_is_asked_for(tmp_path: Path, head: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fleet(tmp_path, "", head=head)


@pytest.mark.parametrize(
    "text", ["a: [", "\t", "- a\n", "a: &x [*x]\nb: !!python/object:os.system {}\n", "x", "[" * 500]
)
def test_what_is_no_such_file_is_an_error_and_no_traceback(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        fleet(tmp_path, text, head="")


@pytest.mark.parametrize("name", ["web1", "ウェブ1", "a_b-c.d", "10.0.0.1", "x" * 253])
def test_hosts_may_be_called_so(name: str) -> None:
    assert valid_host(name) == ""


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a b", "a\u3000b", "a\tb", "-x", "a@b", "a:b", 'a"', "[x]", "x" * 254]
)
def test_hosts_may_not_be_called_so(name: str) -> None:
    assert valid_host(name)


def test_ten_thousand_hosts_are_read(tmp_path: Path) -> None:
    hosts = "".join(
        f"  web{number}: {{groups: [g{number % 7}], httpd: {{tree: /x}}, ilo: {{url: 'https://i{number}'}}}}\n"
        for number in range(10_000)
    )
    found = fleet(tmp_path, "hosts:\n" + hosts)
    assert len(found.targets) == 20_000
    assert len(found.groups) == 7


def test_a_host_is_no_target_of_a_change_and_its_parts_are_named(tmp_path: Path) -> None:
    made = fleet(tmp_path, "hosts:\n  web1: {httpd: {tree: web1}, ilo: {url: 'https://ilo.example'}}\n")
    desk = Desk(made, Sealer(b"k" * 32), {one.name: one for one in made.targets}, {})
    assert desk.target("web1/ilo").surface == "ilo"
    with pytest.raises(InputError, match="web1 is a host") as caught:
        desk.target("web1")
    assert "Say what of it is meant:  web1/httpd  web1/ilo" in str(caught.value)
    with pytest.raises(InputError, match="web is not in the inventory"):
        desk.target("web")
