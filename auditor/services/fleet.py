"""The fleet repository: its ``auditor.yaml``, validated strictly, every mistake named with file, line and column."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from auditor.errors import InputError
from auditor.model.declared import Declaration, Level
from auditor.model.target import Archive, IloEndpoint, LocalTree, Location, SshTree, Target
from auditor.plan.rules import ApprovalRules
from auditor.policy.document import Item, load_document, suggestion
from auditor.services.alert_settings import AlertSettings, read_alerts
from auditor.services.ansible import AnsibleInventory, read_inventory
from auditor.services.apply_settings import ApplySettings, read_apply
from auditor.services.approval_settings import BRANCH, RULES, read_rules
from auditor.services.declarations import read_declared, together
from auditor.services.expected_gaps import Expectation, read_expected
from auditor.services.fleet_place import FILE_NAME, find_fleet
from auditor.services.fleet_values import VARIABLE, ValueReader
from auditor.services.naming import valid_host
from auditor.services.pins import fleet_pins, pin_of
from auditor.services.ssh_places import parse_place

FORMAT: Final = "auditor.fleet/v1"
_IDENTITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
_VERSION: Final = re.compile(r"\d{1,4}\.\d{1,4}(\.\d{1,4})?(-\d[\w.]{0,60})?")


@dataclass(frozen=True)
class Fleet:
    """What ``auditor.yaml`` says, paths absolute.

    ``targets`` are sorted by name. ``groups`` maps each group to its hosts, sorted; ``all`` is left out.
    ``listed`` are hosts that only the Ansible inventory names: it is not known how they are read.
    ``policy_names`` are shipped policies, the files are those that the globs find, sorted.
    ``declared`` is, by target, what is declared of the hops around it, its groups' and the fleet's words included.
    ``ssh_config`` is used instead of the user's own; empty: that one. An iLO whose last full read is
    ``full_read_hours`` old is read in full again, whatever it says of its changes. ``alerts`` says how alerts are
    tested. ``expected_gaps`` are what is known not to be there to be seen. ``approval_rules``, ``approvers_file`` and
    ``default_branch`` are those of the work tree; what counts is what the protected branch says. ``apply`` are the
    waves and commands of new plans.
    """

    root: Path
    file: Path
    id: str
    key_id: str
    store_path: Path
    targets: tuple[Target, ...]
    groups: Mapping[str, tuple[str, ...]]
    approvers_file: Path
    store_remote: str = ""
    policy_names: tuple[str, ...] = ()
    policy_files: tuple[Path, ...] = ()
    baseline_files: tuple[Path, ...] = ()
    waivers_file: Path | None = None
    catalogue_files: tuple[Path, ...] = ()
    approval_rules: ApprovalRules = ApprovalRules()  # noqa: RUF009 - it holds no state
    expiry_hours: int = 72
    default_branch: str = "main"
    listed: tuple[str, ...] = ()
    declared: Mapping[str, tuple[Declaration, ...]] = field(default_factory=dict)
    ssh_config: str = ""
    full_read_hours: int = 24
    expected_gaps: tuple[Expectation, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    apply: ApplySettings = field(default_factory=ApplySettings)

    @property
    def plans_path(self) -> Path:
        """Where plans are kept."""
        return self.root / "plans"

    @property
    def baselines_path(self) -> Path:
        """Where own baselines are kept."""
        return self.root / "baselines"

    @property
    def state_path(self) -> Path:
        """Where the auditor keeps what is no part of the repository."""
        return self.root / ".auditor"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts with at least one target, sorted."""
        return tuple(sorted({target.host for target in self.targets}))

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The host's groups, sorted, ``all`` among them."""
        return tuple(sorted({"all", *(group for group, hosts in self.groups.items() if host in hosts)}))


def load_fleet(start: Path) -> Fleet:
    """The fleet at or above a folder.

    Errors:
        InputError: there is none, or its ``auditor.yaml`` cannot be used; every mistake is named.
    """
    file = find_fleet(start)
    if file is None:
        raise InputError(
            f"there is no {FILE_NAME} in {start.absolute()} or above it",
            next_step="Make a fleet repository:  auditor init   or name a path:  auditor check /etc/httpd",
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{FILE_NAME} cannot be read: {error.strerror}", where=str(file)) from error
    return _Reader(file).fleet(load_document(str(file), content))


@dataclass
class _Reader(ValueReader):
    """Reads what a fleet is made of. ``declared`` holds what each level declares, by its name."""

    declared: dict[tuple[str, ...], tuple[Declaration, ...]] = field(default_factory=dict)
    ssh_config: str = ""

    def fleet(self, top: Item) -> Fleet:
        known = [
            "format",
            "fleet",
            "store",
            "hosts",
            "groups",
            "ansible_inventory",
            "ssh_config",
            "policies",
            "baselines",
            "waivers",
            "firmware_catalogue",
            "expected_gaps",
            "approvals",
            "declared",
            "reading",
            "alerts",
            "apply",
        ]
        parts = self.members(top, known)
        written = self.text(parts.get("format"), "")
        if written != FORMAT:
            self.wrong(
                parts.get("format", top),
                f"format is {written!r}, expected {FORMAT}"
                if written
                else f"format is missing: write  format: {FORMAT}",
            )
        fleet = self.members(parts.get("fleet"), ["id", "key_id"])
        store = self.members(parts.get("store"), ["path", "remote"])
        policies = self.members(parts.get("policies"), ["use", "files"])
        approvals = self.members(parts.get("approvals"), [*RULES, "expire_hours", "approvers", "default_branch"])
        reading = self.members(parts.get("reading"), ["full_read_hours"])
        ansible = self.ansible(parts.get("ansible_inventory"))
        self.declare("fleet", parts.get("declared"))
        ssh_config = self.existing(parts.get("ssh_config"))
        self.ssh_config = str(ssh_config) if ssh_config else ""
        hosts, memberships = self.hosts(parts.get("hosts"))
        groups = self.groups(parts.get("groups"), memberships, ansible, set(hosts))
        targets = _targets(hosts, groups)
        result = Fleet(
            root=self.root,
            file=self.file,
            id=self.matching(fleet.get("id"), _IDENTITY, "fleet", "letters, digits, dots and dashes"),
            key_id=self.matching(fleet.get("key_id"), _KEY_ID, "", "the eight digits that `auditor init` printed"),
            store_path=self.path(store.get("path"), ".auditor/store.git"),
            store_remote=self.text(store.get("remote"), ""),
            targets=targets,
            groups=groups,
            policy_names=self.shipped(policies.get("use")),
            policy_files=self.globbed(policies.get("files")),
            baseline_files=self.globbed(parts.get("baselines")),
            waivers_file=self.existing(parts.get("waivers")),
            catalogue_files=self.globbed(parts.get("firmware_catalogue")),
            approvers_file=self.path(approvals.get("approvers"), "approvers"),
            approval_rules=read_rules(self, approvals),
            expiry_hours=self.count(approvals.get("expire_hours"), 72, 1, 24 * 365),
            default_branch=self.matching(approvals.get("default_branch"), BRANCH, "main", "a branch's name"),
            listed=tuple(sorted(set(ansible.hosts) - set(hosts))),
            declared={one.name: self.declared_of(one, parts.get("hosts")) for one in targets if one.surface == "httpd"},
            ssh_config=self.ssh_config,
            full_read_hours=self.count(reading.get("full_read_hours"), 24, 0, 24 * 31),
            expected_gaps=read_expected(self, parts.get("expected_gaps"), targets, FILE_NAME),
            alerts=read_alerts(self, parts.get("alerts")),
            apply=read_apply(self, parts.get("apply")),
        )
        if "id" not in fleet:
            self.wrong(parts.get("fleet", top), "fleet.id is missing", "It names the fleet's key; see auditor init.")
        if self.mistakes:
            raise InputError.gather(list({str(one): one for one in self.mistakes}.values()))
        return result

    def hosts(self, item: Item | None) -> tuple[dict[str, dict[tuple[str, str], Location]], dict[str, set[str]]]:
        """Each host's surfaces by (surface, instance), and each group's hosts as the hosts name them."""
        found: dict[str, dict[tuple[str, str], Location]] = {}
        memberships: dict[str, set[str]] = {}
        folded: dict[str, str] = {}
        for name, entry in self.mapping(item):
            problem = valid_host(name) or ("is the name of every host's group" if name == "all" else "")
            if problem:
                self.wrong(entry, f"the host {name!r} {problem}")
                continue
            other = folded.setdefault(name.casefold(), name)
            if other != name:
                self.wrong(entry, f"the hosts {other!r} and {name!r} differ only in capitals: one name to the network")
            parts = self.members(entry, ["groups", "httpd", "httpd_instances", "ilo", "declared"])
            self.declare("host", parts.get("declared"), name)
            if "declared" in parts and not {"httpd", "httpd_instances"} & parts.keys():
                self.wrong(parts["declared"], f"{name} has no httpd of which this could be declared")
            for group in self.names(parts.get("groups"), "group"):
                memberships.setdefault(group, set()).add(name)
            found[name] = self.surfaces(name, entry, parts)
        return found, memberships

    def declare(self, level: Level, item: Item | None, *name: str) -> None:
        """Reads what one level declares; ``name`` is the host's or group's, and the instance's of a target."""
        if item is not None:
            self.declared[level, *name] = read_declared(self, item, level, FILE_NAME)

    def declared_of(self, target: Target, hosts: Item | None) -> tuple[Declaration, ...]:
        """What all levels declare of a target."""
        keys: list[tuple[str, ...]] = [("target", target.host, target.instance), ("host", target.host)]
        keys += [("group", group) for group in target.groups]
        found = [self.declared.get(key, ()) for key in (*keys, ("fleet",))]
        return together(self, hosts.get(target.host) if hosts else None, found)

    def surfaces(self, host: str, entry: Item, parts: Mapping[str, Item]) -> dict[tuple[str, str], Location]:
        surfaces: dict[tuple[str, str], Location] = {}
        if "httpd" in parts and (tree := self.httpd(parts["httpd"])):
            surfaces["httpd", ""] = tree
            self.declare("target", parts["httpd"].get("declared"), host, "")
        for instance, item in self.mapping(parts.get("httpd_instances")):
            self.declare("target", item.get("declared"), host, instance)
            if problem := valid_host(instance):
                self.wrong(item, f"the instance {instance!r} {problem}")
            elif tree := self.httpd(item):
                surfaces["httpd", instance] = tree
        if "ilo" in parts and (endpoint := self.ilo(parts["ilo"])):
            surfaces["ilo", ""] = endpoint
        if not {"httpd", "httpd_instances", "ilo"} & parts.keys():
            self.wrong(
                entry,
                f"nothing of {host} is to be read",
                "Give it  httpd: {tree: /etc/httpd}  or  ilo: {url: https://…}",
            )
        return surfaces

    def httpd(self, item: Item) -> LocalTree | Archive | SshTree | None:
        both = ["main_file", "httpd_version", "built_in", "declared"]
        local = ["tree", "server", "probe", "state_dir", "defines", "environment", *both]
        parts = self.members(item, ["ssh", "sudo", "archive", "root", *local])
        if "ssh" in parts:
            return self.ssh_tree(parts)
        if ("tree" in parts) == ("archive" in parts):
            self.wrong(item, "an httpd is either a tree or an archive", "Write  tree: /etc/httpd  or  archive: FILE")
            return None
        version = self.matching(parts.get("httpd_version"), _VERSION, "", "a version such as 2.4.6")
        main_file = self.text(parts.get("main_file"), "")
        allowed = {"archive", "root", *both} if "archive" in parts else set(local)
        for name in parts.keys() - allowed:
            self.wrong(parts[name], f"{name} has no meaning for {'an archive' if 'archive' in parts else 'a tree'}")
        if "archive" in parts:
            return Archive(
                str(self.path(parts["archive"], "")),
                self.text(parts.get("root"), ""),
                main_file,
                version,
                self.texts(parts.get("built_in")),
            )
        return LocalTree(
            path=str(self.path(parts["tree"], "")),
            main_file=main_file,
            server=self.command(parts.get("server")),
            environment=self.environment(parts.get("environment")),
            defines=self.defines(parts.get("defines")),
            httpd_version=version,
            built_in=self.texts(parts.get("built_in")),
            state_dir=str(self.path(parts["state_dir"], "")) if "state_dir" in parts else "",
            probe=self.url(parts.get("probe"), ("http", "https")),
        )

    def ssh_tree(self, parts: Mapping[str, Item]) -> SshTree | None:
        """A tree on another machine."""
        here = {"archive", "root"}
        for name in parts.keys() & here:
            self.wrong(parts[name], f"{name} has no meaning for a tree that is read over SSH")
        try:
            place = parse_place(self.text(parts["ssh"], ""))
        except InputError as error:
            self.wrong(parts["ssh"], error.what, "Write  ssh: web1  or  ssh: audit@web1.example:2222")
            return None
        tree = self.text(parts.get("tree"), "")
        if tree and not tree.startswith("/"):
            self.wrong(parts["tree"], f"{tree!r}: a path on another machine starts with a slash")
        state_dir = self.text(parts.get("state_dir"), "")
        if state_dir and not state_dir.startswith("/"):
            self.wrong(parts["state_dir"], f"{state_dir!r}: a path on another machine starts with a slash")
        return SshTree(
            host=place.host,
            path=posixpath.normpath(tree) if tree else "",
            user=place.user,
            port=place.port,
            sudo=self.truth(parts.get("sudo"), False),
            config=self.ssh_config,
            main_file=self.text(parts.get("main_file"), ""),
            server=self.texts(parts.get("server")),
            environment=self.environment(parts.get("environment")),
            defines=self.defines(parts.get("defines")),
            httpd_version=self.matching(parts.get("httpd_version"), _VERSION, "", "a version such as 2.4.6"),
            built_in=self.texts(parts.get("built_in")),
            state_dir=posixpath.normpath(state_dir) if state_dir else "",
            probe=self.url(parts.get("probe"), ("http", "https")),
        )

    def ilo(self, item: Item) -> IloEndpoint | None:
        parts = self.members(item, ["url", "cafile", "verify", "username_env", "password_env"])
        if "url" not in parts:
            self.wrong(item, "url is missing", "Write  url: https://web1-ilo.example")
            return None
        url = self.url(parts["url"], ("https",))
        if urlsplit(url).path.strip("/") or urlsplit(url).query:
            self.wrong(parts["url"], "an iLO's url is https://HOST or https://HOST:PORT, without a path")
        usual = IloEndpoint("")
        pin = pin_of(fleet_pins(self.root), url)
        return IloEndpoint(
            url=url.rstrip("/"),
            cafile=str(self.path(parts["cafile"], "")) if "cafile" in parts else "",
            verify=self.truth(parts.get("verify"), True) or bool(pin),
            pin=pin,
            username_env=self.matching(parts.get("username_env"), VARIABLE, usual.username_env, "a variable's name"),
            password_env=self.matching(parts.get("password_env"), VARIABLE, usual.password_env, "a variable's name"),
        )

    def groups(
        self, item: Item | None, memberships: Mapping[str, set[str]], ansible: AnsibleInventory, hosts: set[str]
    ) -> dict[str, tuple[str, ...]]:
        found = {name: set(members) for name, members in memberships.items()}
        for name, listed in ansible.groups.items():
            found.setdefault(name, set()).update(hosts.intersection(listed))
        for name, entry in self.mapping(item):
            if problem := valid_host(name):
                self.wrong(entry, f"the group {name!r} {problem}")
                continue
            parts = self.members(entry, ["description", "hosts", "declared"])
            self.declare("group", parts.get("declared"), name)
            self.text(parts.get("description"), "")
            members = found.setdefault(name, set())
            for host in self.items(parts.get("hosts")):
                member = self.text(host, "")
                if member in hosts:
                    members.add(member)
                else:
                    self.wrong(host, f"there is no host {member!r}{suggestion(member, tuple(hosts))}")
        for name in sorted(found.keys() & hosts):
            self.wrong(item, f"{name!r} is both a host and a group", "Call one of them otherwise.")
        found.pop("all", None)
        return {name: tuple(sorted(found[name])) for name in sorted(found)}

    def ansible(self, item: Item | None) -> AnsibleInventory:
        if item is None:
            return AnsibleInventory()
        path = self.existing(item)
        if path is None:
            return AnsibleInventory()
        try:
            return read_inventory(path)
        except InputError as error:
            self.mistakes.append(error)
            return AnsibleInventory()


def _targets(
    hosts: Mapping[str, Mapping[tuple[str, str], Location]], groups: Mapping[str, tuple[str, ...]]
) -> tuple[Target, ...]:
    member_of: dict[str, set[str]] = {}
    for group, members in groups.items():
        for host in members:
            member_of.setdefault(host, {"all"}).add(group)
    made = [
        Target(host, surface, location, instance, tuple(sorted(member_of.get(host, {"all"}))))
        for host, surfaces in hosts.items()
        for (surface, instance), location in surfaces.items()
    ]
    return tuple(sorted(made, key=lambda target: target.name))
