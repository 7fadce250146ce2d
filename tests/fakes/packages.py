"""Real packages of rpm and dpkg, built and installed beside those of this machine, with a database of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from tests import servers

NAME = "frontend-httpd"


class Packages(Protocol):
    """One package manager with one package ``frontend-httpd``, whose files stand in ``tree``."""

    tools: Path

    def update(self, version: int) -> None:
        """Installs that version of the package as an update that nobody is asked about."""
        ...


class Rpms:
    """The package of rpm. ``kinds`` gives each file's ``%…`` word; every version's files have other bytes."""

    def __init__(self, folder: Path, tree: Path, kinds: dict[str, str]) -> None:
        self._rpm = _found("rpm")
        self._build = _found("rpmbuild")
        self._folder, self._tree, self._kinds = folder, tree, kinds
        self.database = folder / "rpmdb"
        self.tools = folder / "bin"
        self.tools.mkdir(parents=True)
        wrapper(self.tools / "rpm", f'exec {self._rpm} --dbpath {self.database} "$@"')

    def build(self, version: int) -> Path:
        """The package's file."""
        listed = "".join(f"{kind} {self._tree}/{name}\n".lstrip() for name, kind in self._kinds.items())
        made = "".join(
            f"mkdir -p %{{buildroot}}{(self._tree / name).parent}\n"
            f"echo '# {version} {name}' > '%{{buildroot}}{self._tree}/{name}'\n"
            for name in self._kinds
        )
        spec = self._folder / f"{version}.spec"
        spec.write_text(
            f"Name: {NAME}\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n"
            f"%description\nx\n%install\n{made}%files\n%dir {self._tree}\n{listed}"
        )
        defines = (
            f"_topdir {self._folder}/top",
            f"_rpmdir {self._folder}/out",
            "_build_name_fmt %{NAME}-%{VERSION}.rpm",
            f"_dbpath {self._folder}/built",  # else it makes a list at the account's home
        )
        _run(self._build, "-bb", *(word for one in defines for word in ("--define", one)), str(spec))
        return self._folder / "out" / f"{NAME}-{version}.rpm"

    def update(self, version: int) -> None:
        _run(str(self.tools / "rpm"), "-U", str(self.build(version)))


class Debs:
    """The package of dpkg; files of the kind ``conffile`` are its conffiles."""

    def __init__(self, folder: Path, tree: Path, kinds: dict[str, str]) -> None:
        self._dpkg = _found("dpkg")
        self._query = _found("dpkg-query")
        self._folder, self._tree, self._kinds = folder, tree, kinds
        self.database = folder / "dpkg"
        for name in ("info", "updates", "triggers"):
            (self.database / name).mkdir(parents=True)
        for name in ("status", "available"):
            (self.database / name).touch()
        self.tools = folder / "bin"
        self.tools.mkdir()
        wrapper(self.tools / "dpkg-query", f'exec {self._query} --admindir={self.database} "$@"')

    def build(self, version: int, *, without: tuple[str, ...] = ()) -> Path:
        place = self._folder / f"deb{version}"
        kinds = {name: kind for name, kind in self._kinds.items() if name not in without}
        for name in kinds:
            path = Path(f"{place}{self._tree}/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {version} {name}\n")
        control = place / "DEBIAN"
        control.mkdir()
        (control / "control").write_text(
            f"Package: {NAME}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example>\nDescription: x\n"
        )
        listed = [f"{self._tree}/{name}\n" for name, kind in kinds.items() if kind == "conffile"]
        (control / "conffiles").write_text("".join(listed))
        file = self._folder / f"{version}.deb"
        _run("dpkg-deb", "-Znone", "-b", str(place), str(file))
        return file

    def update(self, version: int, *, without: tuple[str, ...] = ()) -> None:
        file = self.build(version, without=without)
        keep = ("--force-confdef", "--force-confold", "--force-not-root", "--force-bad-path", "--force-unsafe-io")
        _run(self._dpkg, f"--admindir={self.database}", f"--log={self._folder}/log", *keep, "-i", str(file))


def wrapper(path: Path, command: str) -> None:
    """A program of that name that is a line of sh."""
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def _found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        servers.missing(name)
    return path


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
