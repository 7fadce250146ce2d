"""The use case "init": a fleet repository with its store and key. Safe to run twice."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import InputError, RefusedError, StoreError
from auditor.services.fleet import Fleet, load_fleet
from auditor.services.fleet_place import FILE_NAME, find_fleet
from auditor.services.keys import create_key, key_path, read_key

_FOLDERS: Final = ("policies", "baselines", "plans")
_GIT_OF_A_HOOK: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")

TEMPLATE: Final = """\
# The fleet: what is audited, by which rules, and who approves changes.
# No secret belongs into this file: credentials are named by environment variables.
format: auditor.fleet/v1

fleet:
  id: {id}
  # Names the key that turns secrets into keyed digests; the key itself stays outside this repository.
  key_id: {key_id}

# Snapshots and events, in a git repository that only the auditor writes. `remote` is pushed to after each snapshot.
store:
  path: .auditor/store.git
  remote: null

# Hosts and what of them is read. Paths are relative to this file.
hosts: {{}}
#  web1:
#    groups: [proxies]
#    httpd:
#      tree: /etc/httpd                      # or, instead:  archive: collected/web1.tar.gz
#      ssh: audit@web1                       # where it is: [USER@]HOST[:PORT]; without it the tree is on this machine
#      sudo: true                            # reads as root there, by `sudo -n`
#      server: [/usr/sbin/httpd]             # how it is started; needed to apply changes, not to audit
#      probe: http://127.0.0.1/health        # must answer after a reload
#      state_dir: /var/lib/auditor           # backups and the lock, for root alone
#      httpd_version: 2.4.6                  # where the server cannot be asked
#      built_in: [mpm_event, log_config]     # all that `httpd -l` lists beside the core, where it cannot be asked
#      defines: [SSL]
#      environment: {{LANG: C}}
#      main_file: conf/httpd.conf
#      declared:                             # what no configuration says; see docs/policy.md, "Declarations"
#        arrivals: 400/s                     # requests a second to this server
#        upload: {{size: 2GB, rate: 2Mbit/s}}  # the largest body, the slowest client
#        routes:
#          "shop.example:443 /report": {{front: {{timeout: 300s}}, arrivals: 40/s}}
#        backends:
#          "http://10.0.0.5:8080": {{timeout: 30s, keep_alive: 5s}}
#    ilo:
#      url: https://web1-ilo.example
#      cafile: ilo-ca.pem                    # or pin the iLO's own certificate:  auditor trust web1/ilo
#      username_env: AUDITOR_ILO_USERNAME
#      password_env: AUDITOR_ILO_PASSWORD
#  web2:
#    httpd_instances:                        # several httpd: web2/httpd@blue, web2/httpd@green
#      blue: {{tree: /opt/blue/etc/httpd}}
#      green: {{tree: /opt/green/etc/httpd}}

# groups:
#   proxies: {{description: Reverse proxies, hosts: [web2], declared: {{front: {{timeout: 60s}}}}}}
# ssh_config: ssh_config                     # instead of ~/.ssh/config
# ansible_inventory: inventory.ini           # adds groups to the hosts above

# The client's or load balancer's limits; groups, hosts and each httpd may say otherwise (docs/policy.md).
# declared:
#   front: {{timeout: 120s, keep_alive: 60s}}

policies:
  use: [httpd-timeouts, httpd-hops, httpd-alerting, httpd-files, httpd-state, ilo-alerting, ilo-firmware-bios]
  files: [policies/*.yaml]
baselines: [baselines/*.yaml]
waivers: waivers.yaml
# firmware_catalogue: [firmware/*.yaml]      # artefacts, predecessors, ways back; see docs/policy.md

approvals:
  required: 1                 # signatures of allowed signers other than the author
  expire_hours: 72
  approvers: approvers        # ssh-keygen's allowed signers, read from the default branch
  default_branch: main
  # groups:                   # who must also approve, by the plan's disruption
  #   hardware: {{members: [hw1, hw2], required: 1, at_least: reboot}}
  # emergency: another        # one person alone may approve: never, another (than the author), anyone
  # rehearsal: required       # approvals sign the record of a rehearsal too

# expected_gaps:              # what is known not to be there to be seen; see docs/policy.md, "Expected gaps"
#   - {{target: web9, reason: in repair, owner: team-ops, expires: 2027-01-31}}

# reading:
#   full_read_hours: 24       # an iLO's unchanged resources are not read again until then; 0: always read
"""
_WAIVERS: Final = """\
# Rules that are not enforced somewhere, for a while, for a reason. An expired waiver is no waiver.
format: auditor.waivers/v1
waivers: []
#  - rule: HTTPD-TIMEOUT-001
#    scope: 'web1/httpd:httpd.route["shop.example:443 /api"]'
#    owner: team-web
#    reason: the supplier's back end needs two minutes until its next release
#    expires: 2027-01-31
#    ticket: OPS-12
"""
_APPROVERS: Final = """\
# Who may sign plans, one a line, as ssh-keygen's allowed signers:
#   PRINCIPAL namespaces="auditor-plan" ssh-ed25519 AAAA…
"""
_IGNORED: Final = ".auditor/"


class InitReport(msgspec.Struct, frozen=True):
    """What was made and what was there already, as paths; ``notes`` are sentences for people."""

    root: str
    fleet_id: str
    key_id: str
    key_file: str
    store: str
    made: tuple[str, ...]
    kept: tuple[str, ...]
    notes: tuple[str, ...] = ()


def init_fleet(root: Path, environment: Mapping[str, str]) -> InitReport:
    """Makes a fleet repository, its key and its store; what is there already is left as it is.

    Errors:
        InputError: the place cannot hold one.
        StoreError: something could not be written.
    """
    root = root.absolute()
    _check_place(root)
    made: list[str] = []
    kept: list[str] = []
    notes: list[str] = []
    try:
        root.mkdir(parents=True, exist_ok=True)
        _git_repository(root, environment, made, kept, notes)
        fleet, key_id, key_file = _fleet(root, environment, made, kept, notes)
        for name in _FOLDERS:
            _note(root / name, _make_folder(root / name), made, kept)
        _note(fleet.approvers_file, _write_new(fleet.approvers_file, _APPROVERS), made, kept)
        _ignore(root, made, kept)
        _store(fleet, made, kept)
    except OSError as error:
        raise StoreError(f"{error.filename or root} cannot be written: {error.strerror}") from error
    if not _has_signers(fleet.approvers_file):
        notes.append(f"{fleet.approvers_file.name} names nobody yet: no plan can be approved until it does, committed.")
    notes.append("Keep a copy of the key outside this machine: without it no earlier state can be compared.")
    return InitReport(
        str(root), fleet.id, key_id, str(key_file), str(fleet.store_path), tuple(made), tuple(kept), tuple(notes)
    )


def _check_place(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file, not a folder", untouched="Nothing was changed.")
    for place in (root, *root.parents):
        bare = (place / "HEAD").is_file() and (place / "objects").is_dir() and (place / "refs").is_dir()
        if bare or place.name == ".git":
            raise InputError(
                f"{root} lies inside the git repository's own folder {place}",
                untouched="Nothing was changed.",
                next_step="Name a folder of its own:  auditor init FOLDER",
            )
    above = find_fleet(root)
    if above is not None and above.parent != root:
        raise InputError(
            f"{root} lies inside the fleet repository {above.parent}",
            untouched="Nothing was changed.",
            next_step="Use that one, or name a folder outside of it.",
        )


def _git_repository(
    root: Path, environment: Mapping[str, str], made: list[str], kept: list[str], notes: list[str]
) -> None:
    above = next((place for place in (root, *root.parents) if (place / ".git").exists()), None)
    if above is not None and (above == root or not _ignored(root, environment)):
        kept.append(str(above / ".git"))
        if above != root:
            notes.append(f"The fleet is kept in the git repository {above}.")
        return
    make_repository(root, environment)
    made.append(str(root / ".git"))


def make_repository(root: Path, environment: Mapping[str, str]) -> None:
    """Makes a git repository of its own in an existing folder, with ``main`` as its branch.

    Errors:
        StoreError: git is not here, or fails.
    """
    clean = without_hook(environment)
    for command in (["git", "init", "--quiet"], ["git", "symbolic-ref", "HEAD", "refs/heads/main"]):
        try:
            done = subprocess.run(command, cwd=root, env=clean, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StoreError(f"git cannot be run: {error}", next_step="Install git, then run again.") from error
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip()
            raise StoreError(f"git init failed in {root}: {words[:300]}")


def without_hook(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what git sets in a hook, which would name another repository than the one meant."""
    return {name: value for name, value in environment.items() if name not in _GIT_OF_A_HOOK}


def _ignored(root: Path, environment: Mapping[str, str]) -> bool:
    """Whether the repository around ``root`` ignores it: what lies there could never be committed to it."""
    command = ["git", "check-ignore", "--quiet", "."]
    try:
        done = subprocess.run(
            command, cwd=root, env=without_hook(environment), capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"git cannot be run: {error}", next_step="Install git, then run again.") from error
    return done.returncode == 0


def _fleet(
    root: Path, environment: Mapping[str, str], made: list[str], kept: list[str], notes: list[str]
) -> tuple[Fleet, str, Path]:
    file = root / FILE_NAME
    if file.exists():
        fleet = load_fleet(root)
        kept.append(str(file))
        path = key_path(fleet.id, environment)
        if fleet.key_id or path.exists():
            sealer = read_key(path)
            if fleet.key_id and sealer.key_id != fleet.key_id:
                raise RefusedError(
                    f"the key at {path} is {sealer.key_id}, the fleet's is {fleet.key_id}",
                    where=str(file),
                    untouched="No other key was made.",
                    next_step="Copy the fleet's key file here, or set AUDITOR_KEY_FILE to it.",
                )
            kept.append(str(path))
        else:
            sealer = create_key(path)
            made.append(str(path))
        if not fleet.key_id:
            notes.append(f"Add to {FILE_NAME}, below `fleet:`,  key_id: {sealer.key_id}")
        return fleet, sealer.key_id, path
    identity = f"fleet-{secrets.token_hex(4)}"
    path = key_path(identity, environment)
    if path.exists():  # AUDITOR_KEY_FILE names one that is there already
        sealer = read_key(path)
        kept.append(str(path))
    else:
        sealer = create_key(path)
        made.append(str(path))
    waivers = root / "waivers.yaml"  # first, since the fleet's file names it
    _note(waivers, _write_new(waivers, _WAIVERS), made, kept)
    _write_new(file, TEMPLATE.format(id=identity, key_id=f'"{sealer.key_id}"'))
    made.append(str(file))
    return load_fleet(root), sealer.key_id, path


def _make_folder(path: Path) -> bool:
    if path.is_dir():
        return False
    path.mkdir()
    (path / ".gitkeep").touch()
    return True


def _write_new(path: Path, content: str) -> bool:
    """Writes a file where none stands, whole or not at all."""
    if path.exists() or path.is_symlink():
        return False
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        fresh.write_text(content, encoding="utf-8")
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _ignore(root: Path, made: list[str], kept: list[str]) -> None:
    path = root / ".gitignore"
    written = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    lines = {line.strip().strip("/") for line in written.splitlines()}
    if ".auditor" in lines:
        kept.append(str(path))
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if not written or written.endswith("\n") else "\n") + _IGNORED + "\n")
    made.append(str(path))


def _store(fleet: Fleet, made: list[str], kept: list[str]) -> None:
    from auditor.store import Store

    if fleet.store_path.is_dir() and any(fleet.store_path.iterdir()):
        Store.open(fleet.store_path).close()
        kept.append(str(fleet.store_path))
    else:
        Store.create(fleet.store_path).close()
        made.append(str(fleet.store_path))


def _has_signers(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _note(path: Path, is_new: bool, made: list[str], kept: list[str]) -> None:
    (made if is_new else kept).append(str(path))
