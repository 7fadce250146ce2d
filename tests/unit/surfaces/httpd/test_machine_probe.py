"""The probe in the shells it may meet, with the tools of other systems played by small programs."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from auditor.errors import CollectError
from auditor.surfaces.httpd.machine.answer import Answer, read_answer
from auditor.surfaces.httpd.machine.asking import Part, Paths, Tree, ask, probe
from auditor.surfaces.httpd.machine.owners import owners_of
from auditor.surfaces.httpd.machine.packages import failure, packages_of
from auditor.transport.local_shell import LocalShell
from tests import servers

TREE = Tree("/etc/httpd", "conf/httpd.conf")
SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash",), "bash as sh": ("bash", "--posix")}
# What the probe may use, with the options that coreutils 8.22, findutils 4.5.11, grep 2.20 and sed 4.2 have too.
TOOLS = {
    "awk": "",
    "cat": "",
    "cut": "-d -f -c",
    "date": "-d",
    "dirname": "",
    "find": "-L -prune -type -user -o -perm",
    "getconf": "",
    "grep": "-E -v -e -(devel|dev|doc|manual|debuginfo|debugsource)$",
    "head": "-n -c",
    "id": "-u -un",
    "ls": "-l -t -ldn",
    "readlink": "",
    "sed": "-n",
    "stat": "-L -c",
    "tail": "-c -n",
    "timeout": "",
    "tr": "-d -dc",
    "xargs": "-0",
}
WRAPPER = """#!/bin/sh
for word; do
    case $word in -020 | -002) ;; -*) case " {options} " in *" $word "*) ;; *) exit 64 ;; esac ;; esac
    case "{name}" in timeout | xargs) break ;; esac
done
exec {path} "$@"
"""

RPM = """#!/bin/sh
case "$*" in
*-qa*) printf 'httpd 2.4.6-99.el7\\nmod_ssl 2.4.6-99.el7\\nopenssl-libs 1.0.2k-26.el7\\nhttpd-manual 2.4.6-99.el7\\n' ;;
*-qf*) echo httpd ;;
*-V*httpd) echo 'S.5....T.  c /etc/httpd/conf/httpd.conf'; echo '.......T.    /usr/share/httpd/index.html'; exit 1 ;;
*-V*mod_ssl) echo 'S.5....T.  /usr/lib64/httpd/modules/mod_ssl.so'; echo 'missing   /usr/libexec/httpd-ssl'; exit 2 ;;
*-V*openssl-libs) printf '..?......    /usr/lib64/libssl.so.1.0.2k\\n'; exit 1 ;;
*) exit 9 ;;
esac
"""


@pytest.fixture(params=sorted(SHELLS))
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words = SHELLS[request.param]
    found = shutil.which(words[0])
    if found is None:
        servers.missing(words[0])
    return (found, *words[1:])


class Machine:
    """A folder of tools that is all the probe finds, and the shell it runs in."""

    def __init__(self, folder: Path, program: tuple[str, ...]) -> None:
        self.folder = folder / "bin"
        self.folder.mkdir()
        self._program = program
        for name in TOOLS:
            if program[0].endswith("busybox"):
                (self.folder / name).symlink_to(program[0])
            else:
                self.tool(name, WRAPPER.format(name=name, path=shutil.which(name), options=TOOLS[name]))

    def tool(self, name: str, text: str) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def ask(self, *parts: Part, paths: Paths | None = None, tree: Tree = TREE) -> Answer:
        """Asks with these tools alone: the script's own additions to the path are taken out."""
        shell = LocalShell(self._program, {"PATH": str(self.folder), "LC_ALL": "C"})
        return asyncio.run(ask(shell, parts, tree, paths))


@pytest.fixture
def machine(tmp_path: Path, program: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Machine:
    alone = re.sub(r"^PATH=.*$", "PATH=$PATH", probe(), flags=re.MULTILINE)
    monkeypatch.setattr("auditor.surfaces.httpd.machine.asking.probe", lambda: alone)
    return Machine(tmp_path, program)


def test_every_shell_gives_a_whole_answer(machine: Machine) -> None:
    answer = machine.ask("server", "packages", "state", "tools")
    assert answer.part("processes").status == "ok"
    assert answer.part("units").status == "ok"
    assert answer.part("times").status == "ok"
    assert answer.part("listening").status == "absent"
    assert answer.part("sudo").status == "absent"
    assert f" {os.geteuid()}" in answer.part("processes").text
    assert all(part.status in ("ok", "refused") for part in answer.about("version").values())


def test_a_program_that_talks_without_end_is_ended_and_told_nothing_of(machine: Machine, tmp_path: Path) -> None:
    talks, says = tmp_path / "talks", tmp_path / "says"
    talks.write_text("#!/bin/sh\nwhile :; do echo 'Server version: Apache/2.4.6'; done\n")
    says.write_text("#!/bin/sh\nprintf 'Server version: Apache/2.4.6\\n\\n'; exit 3\n")
    for program, expected in ((talks, ("too much", "")), (says, ("3", "Server version: Apache/2.4.6"))):
        program.chmod(0o755)
        tree = Tree(TREE.root, TREE.main_file, str(program))
        part = machine.ask("server", tree=tree).part(f"version {program}")
        assert (part.status, part.text) == expected


def test_times_of_odd_names_are_told_and_missing_files_are_left_out(machine: Machine, tmp_path: Path) -> None:
    names = ["plain", "with blank", "quo'te\"", "$(echo x)", "表\\", "-n", "*"]
    for name in names:
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (1_600_000_000, 1_600_000_001))
    asked = [str(tmp_path / name) for name in (*names, "missing")]
    lines = machine.ask("state", paths=Paths(timed=tuple(asked))).part("times").lines
    told = [line.split(" ", 3) for line in lines]
    assert sorted({path for _, _, _, path in told}) == sorted(asked[:-1])
    assert {moment.split(".")[0] for _, moment, _, _ in told} == {"1600000001"}
    assert [kind for kind, *_ in told].count("own:81a4") == len(names)


def test_rhels_packages_and_their_verification(machine: Machine) -> None:
    machine.tool("rpm", RPM)
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert found.installed[0] == "httpd 2.4.6-99.el7"
    assert found.owner == "httpd"
    assert found.verified == ("httpd", "mod_ssl")
    assert found.configuration == ("/etc/httpd/conf/httpd.conf",)
    assert found.changed == (
        "mod_ssl /usr/lib64/httpd/modules/mod_ssl.so: content, size",
        "mod_ssl /usr/libexec/httpd-ssl: missing",
    )
    assert found.unverified == ("openssl-libs: a file may not be read by this user",)


@pytest.mark.parametrize(
    ("verify", "reason"),
    [("exit 126", "refused"), ("exit 124", "it took too long"), ("exit 1", "the tool failed")],
)
def test_a_verification_that_was_not_done_is_no_pass(machine: Machine, verify: str, reason: str) -> None:
    machine.tool("rpm", f"#!/bin/sh\ncase \"$*\" in *-qa*) echo 'httpd 2.4.6-99.el7' ;; *) {verify} ;; esac\n")
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert found.verified == ()
    assert found.unverified == (f"httpd: {reason}",)


@pytest.mark.parametrize(
    ("tool", "reply", "reason"),
    [
        ("rpm", "exit 1", "rpm failed (1)"),
        ("rpm", "exit 124", "rpm took too long"),
        ("rpm", "echo 'httpd 2.4.6-99.el7'; exit 124", "rpm took too long"),
        ("rpm", "exit 0", ""),
        ("dpkg-query", "exit 2", "dpkg-query failed (2)"),
        ("dpkg-query", "exit 1", ""),  # none of these names is installed
    ],
)
def test_packages_that_were_not_told_are_not_taken_for_none(
    machine: Machine, dpkg_info: Path, tool: str, reply: str, reason: str
) -> None:
    assert dpkg_info
    machine.tool(tool, f'#!/bin/sh\ncase "$*" in *-qa*|*-W*) {reply} ;; *) exit 0 ;; esac\n')
    assert failure(machine.ask("packages")) == reason


def test_packages_beyond_a_number_are_named_as_not_verified(machine: Machine) -> None:
    named = "\n".join(f"echo 'mod_{at} 1-1'" for at in range(50))
    machine.tool("rpm", f'#!/bin/sh\ncase "$*" in *-qa*)\n{named}\n;; esac\n')
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert (len(found.verified), len(found.unverified)) == (40, 10)


def test_what_rpm_could_not_look_at_is_not_called_missing(machine: Machine) -> None:
    """As any user but root it says ``missing``, and why, of what lies in a folder that is closed to that user."""
    closed = "missing     /var/cache/httpd/proxy (Permission denied)"
    machine.tool(
        "rpm", f"#!/bin/sh\ncase \"$*\" in *-qa*) echo 'httpd 2.4.6-99.el7' ;; *) echo '{closed}'; exit 1 ;; esac\n"
    )
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert found.changed == found.verified == ()
    assert found.unverified == ("httpd: a file may not be read by this user",)


def dpkg(machine: Machine, verified: str) -> None:
    machine.tool("dpkg", f"#!/bin/sh\n{verified}\n")
    machine.tool("dpkg-query", "#!/bin/sh\ncase \"$*\" in *-W*) echo 'ii  apache2-bin 2.4.6-1' ;; *) exit 1 ;; esac\n")


@pytest.fixture
def dpkg_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of dpkg's own."""
    place = tmp_path / "dpkg"
    (place / "info").mkdir(parents=True)
    (place / "status").write_text("")
    own = re.sub(r"^PATH=.*$", "PATH=$PATH", probe(), flags=re.MULTILINE).replace("/var/lib/dpkg", str(place))
    monkeypatch.setattr("auditor.surfaces.httpd.machine.asking.probe", lambda: own)
    return place / "info"


def test_a_package_without_its_sums_was_not_compared(machine: Machine, dpkg_info: Path) -> None:
    """``dpkg --verify`` says nothing of it, and succeeds."""
    dpkg(machine, "exit 0")
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert found.verified == ()
    assert found.unverified == ("apache2-bin: the list of sums that it was delivered with is not there",)
    (dpkg_info / "apache2-bin:amd64.md5sums").write_text("0 usr/sbin/apache2\n")
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert (found.verified, found.unverified) == (("apache2-bin",), ())


def test_documents_that_a_small_image_leaves_out_are_no_changed_program(machine: Machine, dpkg_info: Path) -> None:
    (dpkg_info / "apache2-bin.md5sums").write_text("0 usr/sbin/apache2\n")
    dpkg(
        machine,
        "echo 'missing     /usr/share/doc/apache2-bin/NEWS.gz'; echo 'missing     /usr/lib/apache2/modules/mod_x.so'",
    )
    found = packages_of(machine.ask("packages"))
    assert found is not None
    assert found.changed == ("apache2-bin /usr/lib/apache2/modules/mod_x.so: missing",)


def test_a_tool_that_hangs_costs_its_own_answer_alone(machine: Machine) -> None:
    hanging = re.sub(r"ask \"\$answer \$one\" 10", 'ask "$answer $one" 1', probe())
    assert hanging != probe()
    machine.tool("rpm", "#!/bin/sh\ncase \"$*\" in *-qa*) echo 'httpd 2.4.6-99.el7' ;; *-V*) exec sleep 600 ;; esac\n")
    (machine.folder / "sleep").symlink_to(shutil.which("sleep") or "")
    alone = re.sub(r"^PATH=.*$", "PATH=$PATH", hanging, flags=re.MULTILINE)
    shell = LocalShell(machine._program, {"PATH": str(machine.folder), "LC_ALL": "C"})
    output = asyncio.run(
        shell.run(alone, ("packages", "/etc/httpd", "conf/httpd.conf", ""), limit=1 << 20, deadline_s=60)
    )
    found = packages_of(read_answer(output))
    assert found is not None
    assert found.unverified == ("httpd: it took too long",)


def test_a_machine_without_stat_or_xargs_says_so(machine: Machine, tmp_path: Path) -> None:
    (machine.folder / "stat").unlink()
    if not machine._program[0].endswith("busybox"):  # its shell has them built in
        assert machine.ask("state", paths=Paths(timed=(str(tmp_path),))).part("times").status == "absent"


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.6, 0.9, 0.999])
def test_an_answer_that_was_cut_is_noticed(cut: float) -> None:
    whole = asyncio.run(
        LocalShell().run(probe(), ("server state", "/etc/httpd", "conf/httpd.conf", ""), limit=1 << 24, deadline_s=60)
    )
    assert read_answer(whole).part("processes").status == "ok"
    with pytest.raises(CollectError, match="cut off"):
        read_answer(whole[: int(len(whole) * cut)])


def test_no_content_can_pass_for_a_frame() -> None:
    answer = read_answer(b"begin a\n end a ok\n done\n begin b\nend a 1\ndone\n")
    assert answer.part("a").lines == ("end a ok", "done", "begin b")
    assert answer.part("a").status == "1"


def test_the_script_writes_nothing() -> None:
    """No redirection into a file and no tool that changes anything."""
    script = re.sub(r"#.*", "", probe())
    assert set(re.findall(r"(?<![<0-9&])>\s*([^&\s;)|]+)", script)) <= {"/dev/null"}
    assert not re.search(r"\b(?:rm|mv|cp|touch|mkdir|tee|ln|chmod|chown|kill|dd)\b", script)


def test_a_program_that_others_could_have_put_there_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "httpd"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho 'Server version: Apache/2.4.6'\n")
    trap.chmod(0o777)
    given = asyncio.run(ask(LocalShell(), ("server",), Tree("/etc/httpd", "conf/httpd.conf", str(trap))))
    assert given.part(f"version {trap}").status == "refused"
    assert not (tmp_path / "ran").exists()
    trap.chmod(0o755)
    given = asyncio.run(ask(LocalShell(), ("server",), Tree("/etc/httpd", "conf/httpd.conf", str(trap))))
    assert given.part(f"version {trap}").text == "Server version: Apache/2.4.6"


OWNING = """#!/bin/sh
case "$*" in
*-qa*)
    printf 'drwxr-xr-x- httpd /etc/httpd/conf.d\\n'
    printf -- '-rw-r--r---cn httpd /etc/httpd/conf/httpd.conf\\n'
    printf -- '-rw-r--r---c mod_x /etc/httpd/conf.d/with blank.conf\\n-rw-r--r--- httpd /usr/share/httpd/x\\n'
    ;;
*-qf*)
    shift 3
    for one; do case $one in *own.conf) echo "file $one is not owned by any package" ;; *) echo httpd ;; esac; done
    exit 3
    ;;
esac
"""


def test_whose_files_are_is_told_by_every_shell(machine: Machine) -> None:
    machine.tool("rpm", OWNING)
    names = ("conf/httpd.conf", "conf.d/with blank.conf", "conf.d/own.conf", "conf.d/moved.conf")
    asked = tuple(f"/etc/httpd/{name}" for name in names)
    found = owners_of(machine.ask("owners", paths=Paths(owned=asked)), asked)
    assert found.unknown == ""
    assert {path: (one.handling, one.package) for path, one in found.files.items()} == {
        "/etc/httpd/conf/httpd.conf": ("noreplace", "httpd"),
        "/etc/httpd/conf.d/with blank.conf": ("config", "mod_x"),
        "/etc/httpd/conf.d/moved.conf": ("unknown", ""),  # a package's, by a name that was not listed
    }


@pytest.mark.parametrize(
    ("tool", "why"),
    [
        ("exit 1", "rpm failed (1)"),
        ("sleep 0; exit 124", "rpm took too long"),
        ("exit 0", "rpm knows of no package there"),
        (None, "no package manager was found there"),
    ],
)
def test_whose_files_are_stays_unknown_where_it_is_not_told(machine: Machine, tool: str | None, why: str) -> None:
    if tool is not None:
        machine.tool("rpm", f"#!/bin/sh\n{tool}\n")
    assert owners_of(machine.ask("owners", paths=Paths(owned=("/etc/httpd/x",))), ("/etc/httpd/x",)).unknown == why


def test_a_tool_without_a_list_is_not_asked_and_one_that_may_not_be_read_is(machine: Machine, tmp_path: Path) -> None:
    """Asking rpm where it keeps no list would make one; a folder that is closed to the account may hold one."""
    lists, asked = tmp_path / "list", tmp_path / "asked"
    machine.tool("rpm", f'#!/bin/sh\ncase "$*" in *_dbpath*) echo {lists} ;; *) : >> {asked}; exit 1 ;; esac\n')
    assert failure(machine.ask("packages")) == ""
    lists.mkdir()
    assert failure(machine.ask("packages")) == ""
    assert not asked.exists()
    (lists / "rpmdb.sqlite").touch()
    assert failure(machine.ask("packages")) == "rpm failed (1)"
    assert asked.exists()
