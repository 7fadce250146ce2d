"""Targets: one surface of one host, and where it is reached."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class LocalTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="tree"):
    """An httpd tree on this machine. ``main_file`` is relative to ``path``; empty means: find it.

    ``server`` is the command that runs this httpd, without ``-t`` or ``-k`` (``["/usr/sbin/httpd"]``); empty means
    that no server of this tree is run from here, so it can be audited but not applied to. ``environment`` are the
    variables the server is started with. ``state_dir`` keeps backups and the lock, root-only.
    ``built_in`` are all modules that are compiled in, beside the core; empty: not known from here.
    ``probe`` is a URL that must answer below 500 after a reload; empty means none.
    """

    path: str
    main_file: str = ""
    server: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    defines: tuple[str, ...] = ()
    httpd_version: str = ""
    state_dir: str = ""
    probe: str = ""
    built_in: tuple[str, ...] = ()


class Archive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="archive"):
    """A tar archive (plain, gz, bz2, xz) of an httpd tree, or a sosreport.

    ``root`` is the tree inside it; empty: find it. ``built_in`` is as for a :class:`LocalTree`.
    """

    path: str
    root: str = ""
    main_file: str = ""
    httpd_version: str = ""
    built_in: tuple[str, ...] = ()


class SshTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ssh"):
    """An httpd tree on another machine, read with the system's OpenSSH client.

    ``host`` is a name or address, or a ``Host`` of ssh_config; ``user`` and ``port`` are left to ssh_config where they
    are empty. ``path`` is absolute there; empty: find it. ``sudo`` reads as root, by ``sudo -n``. ``config`` is an
    ssh_config to use instead of the user's own. The rest is as for a :class:`LocalTree`; ``server``, its
    ``environment`` and ``state_dir`` are those of that machine, and ``probe`` is asked from here. ``inside`` are a
    folder there and the one at whose place it stands while a plan is rehearsed; no inventory says it.
    """

    host: str
    path: str = ""
    user: str = ""
    port: int = 0
    sudo: bool = False
    config: str = ""
    main_file: str = ""
    server: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    defines: tuple[str, ...] = ()
    httpd_version: str = ""
    built_in: tuple[str, ...] = ()
    state_dir: str = ""
    probe: str = ""
    inside: tuple[str, ...] = ()


class StoredSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="snapshot"):
    """A state in the store: a revision of the branch ``snapshots`` (or a date) and the target's name there."""

    revision: str
    target: str


class IloEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ilo"):
    """An iLO's Redfish service.

    ``url`` is ``https://HOST[:PORT]``. ``cafile`` verifies its certificate (empty: the system's authorities).
    ``verify`` is False only where the inventory says so, loudly. ``pin`` is a file with the one certificate that it
    must show, which counts before both; empty: none. Credentials are named, never held:
    ``username_env``/``password_env`` are environment variables.
    """

    url: str
    cafile: str = ""
    verify: bool = True
    username_env: str = "AUDITOR_ILO_USERNAME"
    password_env: str = "AUDITOR_ILO_PASSWORD"  # noqa: S105 - the variable's name, no password
    pin: str = ""


Location: TypeAlias = LocalTree | Archive | SshTree | StoredSnapshot | IloEndpoint


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One surface of one host: ``web1/httpd``, ``web1/ilo``, or ``web1/httpd@blue`` where a host runs several.

    ``groups`` are the host's groups, sorted; every host is also in ``all``.
    """

    host: str
    surface: str
    location: Location
    instance: str = ""
    groups: tuple[str, ...] = ("all",)

    @property
    def name(self) -> str:
        """The name people use for it."""
        return f"{self.host}/{self.surface}@{self.instance}" if self.instance else f"{self.host}/{self.surface}"
