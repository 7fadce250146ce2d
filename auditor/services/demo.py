"""The demo: the whole story, told with the real commands on a sample httpd and a virtual iLO."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor.errors import EXIT_FINDINGS, EXIT_INCOMPLETE, EXIT_OK, AuditorError
from auditor.services import demo_world as world
from auditor.services.init import make_repository, without_hook

Say = Callable[[str], None]

AUTHOR: Final = "author@demo.invalid"
APPROVER: Final = "approver@demo.invalid"
_BACK_ENDS: Final = (5, 6, 7, 8, 9)
_BIOS: Final = "/redfish/v1/systems/1/bios/"
_SHOWN_LINES: Final = 24


class DemoError(AuditorError):
    """A step of the story did not go as told: a defect of the auditor or of this machine's httpd."""


@dataclass
class Story:
    """Tells and runs: numbered chapters, each command as one would type it, and what it prints."""

    folder: Path
    say: Say
    environment: Mapping[str, str]
    _chapter: int = 0
    _begun: float = field(default_factory=time.monotonic)

    def chapter(self, title: str, text: str) -> None:
        """Begins a chapter."""
        self._chapter += 1
        self.say(f"\n━━ {self._chapter}. {title} {'━' * max(3, 72 - len(title))}")
        self.tell(text)

    def tell(self, text: str) -> None:
        """One paragraph in 78 columns."""
        self.say(textwrap.fill(" ".join(text.split()), 80))

    def run(self, *arguments: str, expect: tuple[int, ...] = (EXIT_OK,), lines: int = _SHOWN_LINES) -> str:
        """Runs ``auditor`` in the fleet repository, shows the beginning of its output, and gives all of it.

        Errors:
            DemoError: the exit code is not one that the story expects.
        """
        self.say(f"\n$ auditor {_typed(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "auditor", *arguments],
            cwd=self.folder / "fleet",
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        shown = (done.stdout if done.stdout or done.returncode == 0 else done.stderr).rstrip().splitlines()
        for line in shown[:lines]:
            self.say(line)
        if len(shown) > lines:
            self.say(f"… {len(shown) - lines} more lines")
        if done.returncode not in expect:
            self.say(textwrap.indent(done.stderr.rstrip(), "  "))
            raise DemoError(
                f"auditor {_typed(arguments)} ended with exit code {done.returncode}",
                next_step=f"Look into {self.folder}, which is as the command left it.",
            )
        if done.returncode:
            self.say(f"(exit code {done.returncode})")
        return done.stdout

    def end(self) -> None:
        """Says how long it took."""
        self.say(f"\nThe story took {time.monotonic() - self._begun:.0f} seconds.")


def run_demo(folder: Path, say: Say) -> int:
    """Tells the whole story in ``folder``, which is made anew, and gives the exit code 0.

    Errors:
        InputError: something that the demo did not make stands in ``folder``.
        DemoError: a step did not go as told.
    """
    folder = world.make_folder(folder)
    httpd = world.find_httpd()
    with contextlib.ExitStack() as stack:
        ilo = stack.enter_context(world.running_ilo())
        environment = {
            "AUDITOR_ILO_USERNAME": ilo.username,
            "AUDITOR_ILO_PASSWORD": ilo.password,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "NO_COLOR": "1",
        }
        story = Story(folder, say, environment)
        site = _build_site(stack, folder, httpd)
        _found_fleet(story, site, ilo)
        _first_look(story, site)
        _drift(story, site, ilo)
        _change_and_back(story, site, ilo)
        _reports(story)
        story.end()
    return EXIT_OK


@dataclass(frozen=True)
class Site:
    """The sample httpd: its tree, its port for the intranet, and how it is run (nothing: it is only read)."""

    tree: Path
    port: int
    command: tuple[str, ...]

    @property
    def route(self) -> str:
        """The address of the route whose time-out the story changes."""
        return f'web1/httpd:httpd.route["intra.example:{self.port} /staff"].read_timeout'


def _build_site(stack: contextlib.ExitStack, folder: Path, httpd: tuple[Path, Path] | None) -> Site:
    from auditor.services.sample import install_sample

    tree, port = folder / "web1" / "httpd", world.free_port()
    tree.parent.mkdir()
    back_end_port = stack.enter_context(world.back_ends(_BACK_ENDS))
    install_sample(
        tree,
        http_port=port,
        https_port=world.free_port(),
        modules=httpd[1] if httpd else None,
        backend_port=back_end_port,
    )
    if httpd is None:
        return Site(tree, port, ())
    command = [str(httpd[0]), "-d", str(tree), "-f", str(tree / "conf/httpd.conf")]
    stack.enter_context(world.running_httpd(command, tree / "run/httpd.pid", port))
    return Site(tree, port, tuple(command))


def _found_fleet(story: Story, site: Site, ilo: world.RunningIlo) -> None:
    story.chapter(
        "A fleet repository",
        """People keep it like code: which hosts there are, which rules count, who may approve. What the auditor sees
        goes to a store of its own beside it.""",
    )
    fleet = story.folder / "fleet"
    fleet.mkdir()
    make_repository(fleet, os.environ)  # of its own, wherever the demo runs: it commits to nobody else's
    story.run("init", ".", lines=13)
    author, approver = (world.make_key(story.folder / "keys", who) for who in ("author", "approver"))
    signers = world.allowed_signer(author, AUTHOR) + world.allowed_signer(approver, APPROVER)
    (fleet / "approvers").write_text(signers, encoding="utf-8")
    settings = fleet / "auditor.yaml"
    settings.write_text(
        re.sub(r"(?m)^hosts: \{\}$", lambda _: _hosts(story.folder, site, ilo), settings.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    who = ["-c", "user.name=demo", "-c", f"user.email={AUTHOR}", "-c", "commit.gpgsign=false"]
    for arguments in (["add", "--all"], [*who, "commit", "--quiet", "--message", "The demo's fleet"]):
        subprocess.run(["git", *arguments], cwd=fleet, env=without_hook(os.environ), check=True, capture_output=True)
    story.tell(
        """We name one host, web1, with an httpd and an iLO (a virtual one, on loopback, with TLS), and two signers: an
        author and an approver. The approvers count as they stand on the default branch, so we commit."""
    )
    if not site.command:
        story.tell(
            """There is no httpd on this machine: the sample tree is read all the same, but no change is applied to it.
            (Debian: apache2-bin. RHEL: httpd.)"""
        )


def _hosts(folder: Path, site: Site, ilo: world.RunningIlo) -> str:
    """The host as ``auditor.yaml`` names it; JSON is YAML."""
    httpd: dict[str, object] = {"tree": str(site.tree), "httpd_version": "2.4.6"}
    if site.command:
        httpd |= {
            "server": list(site.command),
            "probe": f"http://127.0.0.1:{site.port}/",
            "state_dir": str(folder / "web1" / "state"),
        }
        del httpd["httpd_version"]
    host = {"groups": ["proxies"], "httpd": httpd, "ilo": {"url": ilo.url, "cafile": ilo.cafile}}
    return f"hosts:\n  web1: {json.dumps(host, ensure_ascii=False)}"


def _first_look(story: Story, site: Site) -> None:
    story.chapter(
        "The first snapshot",
        """Everything is collected and committed, secrets replaced by keyed digests. The first snapshot of a target is
        what we agree to; a second one of an unchanged fleet writes the same tree.""",
    )
    story.run("snapshot", expect=(EXIT_OK, EXIT_INCOMPLETE))
    story.run("snapshot", expect=(EXIT_OK, EXIT_INCOMPLETE))
    story.chapter(
        "What is wrong already?",
        """The rules rest on what httpd and iLO really do. The sample has some of the faults that surprise operators
        most. The whole list is in the report at the end.""",
    )
    story.run("check", "all", "--fail-on", "medium", expect=(EXIT_FINDINGS, EXIT_INCOMPLETE))
    story.chapter("Which setting governs?", "The question of every time-out, answered with file and line.")
    story.run("explain", "web1/httpd", f"http://intra.example:{site.port}/staff/list", lines=40)


def _drift(story: Story, site: Site, ilo: world.RunningIlo) -> None:
    story.chapter(
        "Somebody changes something",
        """By hand, at night: ProxyTimeout 30 becomes 300 in conf.d/intra.conf, and on the iLO the first SNMP alert
        destination is removed.""",
    )
    file = site.tree / "conf.d/intra.conf"
    file.write_bytes(file.read_bytes().replace(b"ProxyTimeout 30\n", b"ProxyTimeout 300\n"))
    ilo.ask("DELETE", "/redfish/v1/Managers/1/SnmpService/SNMPAlertDestinations/1")
    if site.command:
        subprocess.run([*site.command, "-k", "graceful"], check=True, capture_output=True)
    story.run("drift", expect=(EXIT_FINDINGS, EXIT_INCOMPLETE), lines=40)


def _change_and_back(story: Story, site: Site, ilo: world.RunningIlo) -> None:
    story.chapter(
        "A change plan",
        """We want the 30 seconds back, and while we are at it cold-start traps from the iLO and a longer watchdog in
        the BIOS. A plan changes nothing: it says what would be done, where, what else would change with it, and the
        way back. Its identity is the SHA-256 of its bytes, and the author signs it.""",
    )
    keys = story.folder / "keys"
    wishes = [
        'web1/ilo:ilo.snmp["1"].cold_start_trap=true',
        'web1/ilo:ilo.bios["1"].AsrTimeoutMinutes=Timeout30',
    ]
    if site.command:
        wishes.insert(0, f"{site.route}=30s")
    asked = [part for wish in wishes for part in ("--set", wish)]
    reason = ("--reason", "30 s for the staff pages again", "--author", AUTHOR, "--key", str(keys / "author"))
    before = _state(site, ilo)
    said = story.run("plan", *asked, *reason, "--format", "table", lines=50)
    plan = _plan_id(story.folder, said)[:8]
    story.chapter("Approval", "An SSH signature over the plan's identity, by somebody other than its author.")
    story.run("apply", plan, expect=(4,))
    story.run("approve", plan, "--key", str(keys / "approver"))
    story.run("show", plan, lines=50)
    story.chapter(
        "Applied, and read back",
        """Backups first; httpd checks the staged tree before anything is replaced, then reloads gracefully; the BIOS
        setting waits for a reset, and only what POST and a second reading say counts.""",
    )
    story.run("apply", plan, lines=40)
    if site.command:
        story.run("explain", "web1/httpd", f"http://intra.example:{site.port}/staff/list", lines=7)
    story.chapter("And back again", "To the bytes before, and to the attributes before.")
    story.run("rollback", plan, lines=40)
    _prove(story, before, _state(site, ilo))


@dataclass(frozen=True)
class State:
    """What the proof compares: the tree's bytes and the BIOS's attributes, read without the auditor."""

    files: Mapping[str, str]
    texts: Mapping[str, bytes]
    bios: Mapping[str, object]
    snmp: Mapping[str, object]


def _state(site: Site, ilo: world.RunningIlo) -> State:
    contents = {
        str(path.relative_to(site.tree)): path.read_bytes()
        for folder in ("conf", "conf.d", "conf.modules.d")
        for path in sorted((site.tree / folder).rglob("*"))
        if path.is_file()
    }
    snmp = ilo.ask("GET", "/redfish/v1/Managers/1/SnmpService/")
    return State(
        {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        contents,
        dict(ilo.ask("GET", _BIOS)["Attributes"]),
        {name: value for name, value in snmp.items() if not name.startswith("@")},
    )


def _prove(story: Story, before: State, after: State) -> None:
    """Compares the two states and says so.

    Errors:
        DemoError: they differ.
    """
    for name, digest in before.files.items():
        if after.files.get(name) != digest:
            old, new = (state.texts.get(name, b"").decode("latin-1").splitlines() for state in (before, after))
            story.say("\n".join(difflib.unified_diff(old, new, lineterm="")))
    if (before.files, before.bios, before.snmp) != (after.files, after.bios, after.snmp):
        raise DemoError("the rollback did not bring back what was there before")
    story.say("")
    story.tell(
        f"""Proof, read without the auditor: the SHA-256 of all {len(before.files)} configuration files, all
        {len(before.bios)} BIOS attributes and the iLO's alert settings are as they were before the plan."""
    )


def _reports(story: Story) -> None:
    story.chapter(
        "The report for those who were not there",
        "Self-contained HTML, in English and Japanese. The drift that nobody planned is still shown.",
    )
    folder = story.folder / "report"
    folder.mkdir()
    codes = (EXIT_FINDINGS, EXIT_INCOMPLETE)
    story.run("check", "all", "--quiet", "--format", f"html:{folder / 'check.html'}", expect=codes)
    story.run("drift", "--quiet", "--format", f"html:{folder / 'drift.html'}", expect=codes)
    story.run("check", "all", "--quiet", "--lang", "ja", "--format", f"html:{folder / 'check.ja.html'}", expect=codes)
    story.say("\nThe reports:")
    for path in sorted(folder.iterdir()):
        story.say(f"  {path}")
    story.say(f"The fleet repository:\n  {story.folder / 'fleet'}")


def _plan_id(folder: Path, said: str) -> str:
    """The id of the only plan there is."""
    plans = [path.name for path in (folder / "fleet/plans").iterdir() if path.is_dir()]
    if len(plans) != 1:
        raise DemoError(f"one plan was expected, {len(plans)} are there: {said[:200]}")
    return plans[0]


def _typed(arguments: tuple[str, ...]) -> str:
    """The arguments as one would type them."""
    return " ".join(f"'{one}'" if re.search(r"[^\w@%+=:,./-]", one) else one for one in arguments)
