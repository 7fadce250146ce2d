"""What answers of a machine mean: command lines, units, containers, other users' rights."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from auditor.errors import CollectError
from auditor.model.snapshot import Fact
from auditor.surfaces.httpd.diagnosis import checks_of, read_account
from auditor.surfaces.httpd.machine.answer import Answer, read_answer
from auditor.surfaces.httpd.machine.asking import Paths, Tree, ask
from auditor.surfaces.httpd.machine.facts import Reading, state_facts
from auditor.surfaces.httpd.machine.limits import backlogs, memory_of, refused_limits
from auditor.surfaces.httpd.machine.loading import PidFile, Stamp, loaded
from auditor.surfaces.httpd.machine.processes import Parent, main_file_of, running, serving
from auditor.surfaces.httpd.machine.units import environment_files
from auditor.transport.local_shell import LocalShell
from tests.running import Site
from tests.unit.surfaces.httpd.trees import collected

SECOND = 1_000_000_000
NOT_TOLD = "a server runs there of which this user cannot tell which tree it reads"


def answered(**parts: str) -> Answer:
    """An answer of these parts, by name (``_`` for a blank), each a text of lines."""
    text = ""
    for name, lines in parts.items():
        title = name.replace("__", " ")
        shown = "".join(f" {line}\n" for line in lines.strip().split("\n") if lines.strip())
        text += f"begin {title}\n{shown}end {title} ok\n"
    return read_answer(f"{text}done\n".encode())


def parent(*arguments: str, program: str = "/usr/sbin/httpd", **more: object) -> Parent:
    return Parent(pid=7, started=1000 * SECOND, program=program, arguments=(program, *arguments), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "main_file"),
    [
        (parent(), "/etc/httpd/conf/httpd.conf"),
        (parent("-DFOREGROUND"), "/etc/httpd/conf/httpd.conf"),
        (parent("-d", "/srv/web", "-k", "start"), "/srv/web/conf/httpd.conf"),
        (parent("-d/srv/web", "-fother.conf"), "/srv/web/other.conf"),
        (parent("-f", "/srv/x.conf", "-D", "-d"), "/srv/x.conf"),
        (parent("-d", "web"), ""),
        (parent(program="/usr/sbin/apache2"), "/etc/apache2/apache2.conf"),
        (parent(program="/opt/rh/httpd24/root/usr/sbin/httpd"), "/opt/rh/httpd24/root/etc/httpd/conf/httpd.conf"),
        (parent(program="/opt/web/bin/httpd"), "/opt/web/conf/httpd.conf"),
        (parent(program="/opt/web/bin/httpd (deleted)"), "/opt/web/conf/httpd.conf"),
    ],
)
def test_the_main_file_of_a_command_line(given: Parent, main_file: str) -> None:
    assert main_file_of(given, Answer({})) == main_file


def test_what_a_program_says_of_itself_wins_over_its_place() -> None:
    said = answered(**{"settings__/usr/sbin/httpd": ' -D HTTPD_ROOT="/srv/own"\n -D SERVER_CONFIG_FILE="web.conf"'})
    assert main_file_of(parent(), said) == "/srv/own/web.conf"


def test_a_server_in_a_container_is_not_this_machines() -> None:
    processes = """
sees all
clock 2000.5 1000.5 100
parent 7 100
exe 7 /usr/sbin/httpd
nspid 7 7 1
uid 7 0
trusted 0
"""
    found = running(answered(processes=processes))
    assert found is not None
    assert found.parents[0].elsewhere
    assert serving(found, Answer({}), "/etc/httpd/conf/httpd.conf", lambda path: path).only is None


@pytest.mark.parametrize(
    ("told", "elsewhere", "contained"),
    [
        ("nspid 7 7\nview 7 same", False, False),
        ("nspid 7 7", False, False),  # only root sees the view
        ("nspid 7 7 1\nview 7 same", False, True),
        ("view 7 shared", False, True),
        ("nspid 7 7 1\nview 7 other", True, False),
        ("view 7 other", True, False),  # a kernel before 4.1, or a chroot
    ],
)
def test_which_files_a_server_sees_decides_whose_it_is(told: str, elsewhere: bool, contained: bool) -> None:
    head = "sees all\ntrusted 0\nclock 2000.5 1000.5 100\nparent 7 100\nexe 7 /usr/sbin/httpd\nuid 7 0\n"
    found = running(answered(processes=head + told))
    assert found is not None
    assert (found.parents[0].elsewhere, found.parents[0].contained) == (elsewhere, contained)
    mine = serving(found, Answer({}), "/etc/httpd/conf/httpd.conf", lambda path: path)
    assert (mine.only is None) == (elsewhere or contained)
    assert ("container" in mine.doubt) == contained


def test_a_program_of_anybody_that_is_called_httpd_is_not_the_server() -> None:
    processes = """
sees all
trusted 0
trusted 48
clock 2000.5 1000.5 100
parent 6 100
exe 6 /home/mallory/httpd
arg 6 httpd
arg 6 -d
arg 6 /etc/httpd
arg 6 -f
arg 6 conf/httpd.conf
uid 6 1000
parent 7 100
exe 7 /usr/sbin/httpd
uid 7 0
"""
    said = answered(processes=processes)
    found = running(said)
    assert found is not None
    mine = serving(found, said, "/etc/httpd/conf/httpd.conf", lambda path: path).only
    assert mine is not None
    assert mine.pid == 7
    alone = running(answered(processes=processes.partition("parent 7")[0]))
    assert alone is not None
    assert "not trusted" in serving(alone, said, "/etc/httpd/conf/httpd.conf", lambda path: path).doubt


@pytest.mark.parametrize(
    ("words", "serves"),
    [
        ((), True),
        (("-DFOREGROUND",), True),
        (("-D", "-t", "-k", "start"), True),
        (("-T", "-X"), True),
        (("-t",), False),
        (("-d", "/etc/httpd", "-t", "-D", "DUMP_CONFIG"), False),
        (("-Xt",), False),
        (("-S",), False),
        (("-k", "graceful"), False),
        (("-kstop",), False),
    ],
)
def test_a_run_that_only_checks_or_signals_is_no_server(words: tuple[str, ...], serves: bool) -> None:
    arguments = "\n".join(f"arg 6 {word}" for word in ("/usr/sbin/httpd", *words))
    processes = (
        f"sees all\ntrusted 0\nclock 2000.5 1000.5 100\nparent 6 100\nexe 6 /usr/sbin/httpd\nuid 6 0\n{arguments}"
    )
    found = running(answered(processes=processes))
    assert found is not None
    assert bool(found.parents) is serves


def test_starts_are_reckoned_from_the_clock_as_it_stands() -> None:
    found = running(answered(processes="sees own\nclock 2000.5 1000.5 100\nparent 7 50000\nexe 7 /x\nchild 8 7 60000"))
    assert found is not None
    assert not found.sees_all
    assert found.parents[0].started == 1500 * SECOND
    assert found.parents[0].children == (1600 * SECOND,)


def test_whole_seconds_leave_the_second_of_the_reload_open() -> None:
    pid_file = PidFile("/run/httpd.pid", Stamp(1005 * SECOND, 1005 * SECOND, exact=False), "")
    seen = {str(at): (Stamp(at * SECOND, at * SECOND, exact=False),) for at in (1004, 1005, 1006)}
    found = loaded(seen, (), seen, parent(), pid_file)
    assert found.changed == ("1006",)
    assert found.unknown == ("1005",)


def test_a_file_whose_times_are_not_known_is_not_taken_for_loaded() -> None:
    pid_file = PidFile("/run/httpd.pid", Stamp(1005 * SECOND, 1005 * SECOND, exact=True), "")
    assert loaded(("gone",), ("folder",), {}, parent(), pid_file).unknown == ("folder/", "gone")


def test_drop_ins_add_environment_files_and_an_empty_one_forgets_those_before() -> None:
    units = """
file /usr/lib/systemd/system/httpd.service
EnvironmentFile=/etc/sysconfig/httpd
ExecStart=/usr/sbin/httpd $OPTIONS -DFOREGROUND
file /etc/systemd/system/httpd.service.d/own.conf
EnvironmentFile=
EnvironmentFile=-/etc/sysconfig/web
"""
    own = "/etc/systemd/system/httpd.service.d/own.conf"
    assert environment_files(answered(units=units), None, "/usr/sbin/httpd") == (("/etc/sysconfig/web", own),)
    assert environment_files(answered(units=units), parent(unit="httpd.service"), "") == (("/etc/sysconfig/web", own),)
    assert environment_files(answered(units=units), None, "/usr/sbin/apache2") == ()


NOT_SHOWN = "the error log does not show the last reload"
LOG = """
[Fri Nov 27 06:00:00.1 2026] [mpm_event:notice] AH00489: Apache configured -- resuming normal operations
[Fri Nov 27 06:10:00.1 2026] [mpm_event:notice] AH00493: SIGUSR1 received.  Doing graceful restart
[Fri Nov 27 06:10:00.2 2026] [mpm_event:warn] AH00501: changing ServerLimit to 6 from original value of 4 not allowed
[Fri Nov 27 06:10:00.3 2026] [mpm_event:notice] AH00489: Apache configured -- resuming normal operations
"""


@pytest.mark.parametrize(
    ("log", "local", "said"),
    [
        (LOG, "Nov 27 06:10:00", (("ServerLimit", "4"),)),
        (LOG.replace("Fri Nov 27", "2026-11-27").replace(".1 2026", ""), "Nov 27 06:10:00", (("ServerLimit", "4"),)),
        (LOG, "Nov 27 06:40:00", NOT_SHOWN),
        (LOG, "", NOT_SHOWN),
        (
            "\n".join(LOG.split("\n")[4:]),
            "Nov 27 06:10:00",
            "the error log does not show the last reload from its beginning",
        ),
        ("", "Nov 27 06:10:00", NOT_SHOWN),
    ],
)
def test_the_log_speaks_of_the_last_reload_or_not_at_all(log: str, local: str, said: object) -> None:
    log = log.replace("2026-11-27 06:10:00.3 2026", "2026-11-27 06:10:00.3")
    pid_file = PidFile("/run/httpd.pid", Stamp(9000 * SECOND, 9000 * SECOND, exact=True), local)
    assert refused_limits(answered(log=log).part("log"), pid_file, parent()) == said


def test_what_a_client_has_httpd_log_says_nothing_of_a_reload() -> None:
    said = "[Fri Nov 27 06:10:00.4 2026] [core:error] [client 192.0.2.1:40] AH00127: Cannot map GET /{} HTTP/1.1"
    named = (
        "Doing graceful restart",
        "changing ThreadLimit to 6 from original value of 4",
        "resuming normal operations",
    )
    evil = "\n".join(said.format(one) for one in named)
    pid_file = PidFile("/run/httpd.pid", Stamp(9000 * SECOND, 9000 * SECOND, exact=True), "Nov 27 06:10:00")
    part = answered(log=f"{LOG.strip()}\n{evil}").part("log")
    assert refused_limits(part, pid_file, parent()) == (("ServerLimit", "4"),)


def test_a_server_of_which_no_socket_listens_here_has_no_known_backlog() -> None:
    """It listens in a network namespace of its own."""
    listening = "State Recv-Q Send-Q Local:Port Peer:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:* ino:17 sk:1"
    assert backlogs(answered(sockets__7="18\n19", listening=listening), parent()) == (
        "none of the server's sockets is among those that listen here"
    )
    assert backlogs(answered(sockets__7="17\n19", listening=listening), parent()) == (128,)


def test_hidden_processes_are_no_proof_that_nothing_runs() -> None:
    reading = Reading((), (), (), "", str)
    assert [fact.name for fact in state_facts(Answer({}), None, False, reading)] == ["state_unknown"]
    assert [fact.value for fact in state_facts(Answer({}), None, True, reading)] == [False]


def test_another_user_is_told_what_may_not_be_seen(tmp_path: Path, httpd: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can look as somebody else")
    tmp_path.chmod(0o755)
    site = Site(tmp_path / "httpd")
    try:
        site.start()
        (site.root / "logs").chmod(0o700)
        shell = LocalShell(("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/bin/sh"))
        paths = Paths((str(site.main),), (str(site.pid_file),), (str(site.root / "logs/error.log"),))
        answer = asyncio.run(ask(shell, ("server", "state", "tools"), Tree(str(site.root), "httpd.conf"), paths))
        found = running(answer)
        assert found is not None
        mine = serving(found, answer, str(site.main), os.path.realpath).only
        assert mine is not None
        assert mine.pid == site.pid() if os.access(site.pid_file, os.R_OK) else True
        reading = Reading((str(site.main),), (), (), str(site.root / "logs/error.log"), str)
        facts = {fact.name: fact.value for fact in state_facts(answer, mine, found.sees_all, reading)}
    finally:
        site.stop()
    unknown = facts["state_unknown"]
    assert isinstance(unknown, tuple)
    assert {text.partition(":")[0] for text in unknown} >= {"backlog", "limits", "mpm", "pid_file", "replaced_code"}
    assert read_account(answer).user == "nobody"


def test_what_is_missing_comes_from_what_was_collected() -> None:
    seen = collected("Timeout 60\n", version="")
    assert [(one.name, one.state) for one in checks_of(seen, None)] == [
        ("reach", "ok"),
        ("tree", "ok"),
        ("program", "missing"),
        ("processes", "without"),
        ("packages", "without"),
    ]


def test_a_server_whose_tree_cannot_be_told_is_no_proof_that_nothing_runs() -> None:
    """It was started with ``-d .``: from where, nobody knows any more."""
    head = "sees all\ntrusted 0\nclock 2000.5 1000.5 100\nparent 7 100\nuid 7 0\nexe 7 /x/bin/httpd\n"
    processes = f"{head}arg 7 /x/bin/httpd\narg 7 -d\narg 7 ."
    found = running(answered(processes=processes))
    assert found is not None
    mine = serving(found, Answer({}), "/srv/web/conf/httpd.conf", lambda path: path)
    assert mine.only is None
    assert mine.doubt == NOT_TOLD
    (fact,) = state_facts(Answer({}), mine.only, True, Reading((), (), (), "", str), mine.doubt)
    assert fact.name == "state_unknown"


def test_another_server_whose_tree_is_closed_to_this_user_takes_nothing_away() -> None:
    """Somebody else's server, in a folder that who asks may not search."""
    other = "parent 6 100\nuid 6 0\nexe 6 /x/bin/httpd\narg 6 /x/bin/httpd\narg 6 -d\narg 6 /closed\n"
    processes = f"sees all\ntrusted 0\nclock 2000.5 1000.5 100\n{other}parent 7 100\nuid 7 0\nexe 7 /usr/sbin/httpd\n"

    def resolve(path: str) -> str:
        if path.startswith("/closed"):
            raise CollectError(f"{path} may not be read by this user", cause="not permitted")
        return path

    found = running(answered(processes=processes))
    assert found is not None
    mine = serving(found, Answer({}), "/etc/httpd/conf/httpd.conf", resolve).only
    assert mine is not None
    assert mine.pid == 7
    assert serving(found, Answer({}), "/srv/web/conf/httpd.conf", resolve).doubt == NOT_TOLD


def test_code_that_was_written_over_in_its_place_is_replaced() -> None:
    """``cp`` over a module: the memory map shows the same file, and the server runs what it had read before."""
    lines = {
        "memory__7": "r-x /usr/lib64/httpd/modules/mod_own.so\nr-x /usr/lib64/libc.so.6\nr-x /usr/lib/locale/C.mo",
        "code__7": "1003 /usr/lib64/httpd/modules/mod_own.so\n990 /usr/lib64/libc.so.6\n4000 /usr/lib/locale/C.mo",
    }
    assert memory_of(answered(**lines), parent()) == (
        ("/usr/lib/locale/C.mo", "/usr/lib64/httpd/modules/mod_own.so", "/usr/lib64/libc.so.6"),
        ("/usr/lib64/httpd/modules/mod_own.so",),
    )


def test_the_times_of_the_code_of_a_running_server_are_asked_for(tmp_path: Path, httpd: Path) -> None:
    site = Site(tmp_path / "httpd")
    try:
        site.start()
        answer = asyncio.run(ask(LocalShell(), ("state",), Tree(str(site.root), "httpd.conf")))
        told = dict(reversed(line.split(" ", 1)) for line in answer.part(f"code {site.pid()}").lines)
    finally:
        site.stop()
    module = next(path for path in told if path.endswith("mod_mpm_event.so"))
    assert int(told[module]) == int(os.stat(module).st_ctime)


def test_a_folder_outside_of_the_tree_that_is_not_there_leaves_it_open() -> None:
    """Next above it is ``/etc``, where every new account and every package changes something."""
    pid_file = PidFile("/run/httpd.pid", Stamp(1005 * SECOND, 1005 * SECOND, exact=True), "")
    later = (Stamp(1010 * SECOND, 1010 * SECOND, exact=True),)
    found = loaded((), ("/etc/more",), {"/etc": later, "/": later}, parent(), pid_file, "/etc/httpd")
    assert found.changed == ()
    assert found.unknown == ("/etc/",)


@pytest.mark.parametrize(
    ("listed", "state", "detail"),
    [
        ("    (root) NOPASSWD: /bin/sh", "ok", "sudo -n"),
        ("    (ALL : ALL) NOPASSWD: ALL", "ok", "sudo -n"),
        ("    (root) NOPASSWD: SETENV: /opt/a/bin/auditor apply *, /opt/a/bin/auditor rollback *", "ok", "sudo -n"),
        ("    (root) NOPASSWD: /usr/bin/systemctl", "without", "sudo -n grants only: /usr/bin/systemctl"),
        ("    (ALL) ALL", "without", "sudo -n grants only: nothing"),
        ("    (www) NOPASSWD: ALL", "without", "sudo -n grants only: nothing"),
    ],
)
def test_half_of_sudo_is_not_roots_rights(listed: str, state: str, detail: str) -> None:
    text = f"begin tools\n watch\n sudo /usr/bin/sudo\nend tools ok\nbegin sudo\n {listed}\nend sudo ok\ndone\n"
    last = checks_of(collected("Timeout 60\n"), read_account(read_answer(text.encode())))[-1]
    assert (last.name, last.state, last.detail) == ("sudo", state, detail)


def test_nothing_that_leaves_a_rule_open_is_called_ok() -> None:
    """Whatever could not be told of the running server shows as missing somewhere."""
    for subject in ("changed_not_loaded", "pid_file", "environment", "limits", "backlog", "replaced_code", "mpm"):
        seen = collected("Timeout 60\n")
        facts = (*seen.facts, Fact("running", True, "x"), Fact("state_unknown", (f"{subject}: not seen",), "x"))
        told = [one for one in checks_of(msgspec.structs.replace(seen, facts=facts), None) if one.state == "missing"]
        assert "not seen" in [one.detail for one in told], subject
