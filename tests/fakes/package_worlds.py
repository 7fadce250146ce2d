"""Real package managers on roots of the test's own: apt with dpkg, and dnf with rpm, each with a small repository.

Wrappers in front of the search path add the options that lead to that root, so what resolves, installs and remembers is
the real tool. Maintainers' scripts run outside of the root, as dpkg calls it "chrootless", or not at all (rpm, which
would need a whole system in the root).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import servers

_CLEAN: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
CONF: Final = "etc/apache2"


@dataclass
class World:
    """A root with a package manager of its own. ``bin`` goes in front of the search path."""

    folder: Path
    scripts: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def tree(self) -> Path:
        """Where the packages put httpd's configuration."""
        return self.root / CONF

    def path(self) -> str:
        """The search path with the wrappers in front."""
        return f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin"

    def wrap(self, name: str, words: str) -> None:
        """Puts a wrapper in front: ``words`` are a shell command to which the arguments are added."""
        self.bin.mkdir(parents=True, exist_ok=True)
        (self.bin / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (self.bin / name).chmod(0o755)


class AptWorld(World):
    """apt and dpkg."""

    kind = "apt"
    httpd = "apache2"
    tools = "apache2-utils"

    def make(self) -> AptWorld:
        admin = self.root / "var/lib/dpkg"
        for path in (admin / "info", admin / "updates", admin / "triggers", self.root / "var/lib/apt/lists/partial"):
            path.mkdir(parents=True)
        for path in ("var/cache/apt/archives/partial", "etc/apt/preferences.d", "var/log", "tmp"):
            (self.root / path).mkdir(parents=True)
        (admin / "status").touch()
        (admin / "available").touch()
        self.repository.mkdir()
        (self.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{self.repository} ./\n")
        configuration = self.folder / "apt.conf"
        configuration.write_text(
            f'Dir "{self.root}";\nDir::State::status "{admin}/status";\nDir::Bin::dpkg "{self.bin}/dpkg";\n'
            f'Dir::Etc::sourcelist "{self.root}/etc/apt/sources.list";\nDir::Log "{self.root}/var/log";\n'
            'APT::Sandbox::User "root";\nDPkg::Use-Pty "false";\nAcquire::Languages "none";\n'
        )
        dpkg = f"--root={self.root} --force-script-chrootless --log={self.root}/var/log/dpkg.log"
        self.wrap("dpkg", f"/usr/bin/dpkg {dpkg}")
        self.wrap("dpkg-query", f"/usr/bin/dpkg-query --admindir={admin}")
        for name in ("apt-get", "apt-cache"):
            self.wrap(name, f"env APT_CONFIG={configuration} /usr/bin/{name}")
        return self

    def publish(self, name: str, version: str, files: Mapping[str, str], depends: str = "", script: str = "") -> None:
        """Builds a package whose files are configuration files, and lists it in the repository."""
        build = self.folder / "build"
        shutil.rmtree(build, ignore_errors=True)
        (build / "DEBIAN").mkdir(parents=True)
        lines = [f"Package: {name}", f"Version: {version}", "Architecture: all", "Maintainer: x <x@example.invalid>"]
        lines += [f"Depends: {depends}"] if depends else []
        (build / "DEBIAN/control").write_text("\n".join([*lines, "Description: x\n"]))
        for path, text in files.items():
            (build / path).parent.mkdir(parents=True, exist_ok=True)
            (build / path).write_text(text)
        (build / "DEBIAN/conffiles").write_text("".join(f"/{path}\n" for path in files))
        if script:
            (build / "DEBIAN/postinst").write_text(f"#!/bin/sh\n{script}\n")
            (build / "DEBIAN/postinst").chmod(0o755)
        package = self.repository / f"{name}_{version}_all.deb"
        run("dpkg-deb", "-Zgzip", "-b", str(build), str(package))
        self.offer()

    def withdraw(self, name: str, version: str) -> None:
        """The repository does not offer it any more."""
        (self.repository / f"{name}_{version}_all.deb").unlink()
        shutil.rmtree(self.root / "var/cache/apt/archives", ignore_errors=True)
        (self.root / "var/cache/apt/archives/partial").mkdir(parents=True)
        self.offer()

    def offer(self) -> None:
        """Writes the repository's list and reads it in."""
        listed = []
        for package in sorted(self.repository.glob("*.deb")):
            control = run("dpkg-deb", "-f", str(package)).rstrip("\n")
            content = package.read_bytes()
            listed.append(
                f"{control}\nFilename: ./{package.name}\nSize: {len(content)}\n"
                f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
            )
        (self.repository / "Packages").write_text("\n".join(listed))
        run(str(self.bin / "apt-get"), "-qq", "update")

    def install(self, *versions: tuple[str, str]) -> None:
        """Installs exact versions, as somebody by hand."""
        run(
            str(self.bin / "apt-get"),
            "-qq",
            "-y",
            "-o",
            "Dpkg::Options::=--force-confold",
            "install",
            *(f"{name}={version}" for name, version in versions),
        )

    def installed(self, name: str) -> str:
        """The version that is installed."""
        return run(str(self.bin / "dpkg-query"), "-W", "-f", "${Version} ${db:Status-Status}", name)


class RpmWorld(World):
    """dnf and rpm. ``yum`` as a second name of dnf speaks as yum 3 is spoken to."""

    kind = "rpm"
    httpd = "httpd"
    tools = "httpd-tools"

    def make(self) -> RpmWorld:
        if not all(shutil.which(one) for one in ("dnf", "rpm", "rpmbuild", "createrepo_c")):
            servers.missing("dnf, rpm, rpmbuild and createrepo_c")
        self.root.mkdir(parents=True)
        self.repository.mkdir()
        configuration = self.folder / "dnf.conf"
        configuration.write_text(
            f"[main]\ngpgcheck=0\nreposdir={self.folder}/none\ncachedir={self.folder}/cache\nlogdir={self.folder}/log\n"
            f"persistdir={self.folder}/persist\nplugins=0\ninstall_weak_deps=0\nmetadata_expire=0\n"
            f"[r]\nname=r\nbaseurl=file://{self.repository}\n"
        )
        self.wrap("dnf", f"/usr/bin/dnf -c {configuration} --installroot={self.root} --releasever=9")
        self.bin.mkdir(parents=True, exist_ok=True)
        (self.bin / "rpm").write_text(
            "#!/bin/sh\ncase $* in *%{_dbpath}*)\n"
            f"    echo \"{self.root}$(/usr/bin/rpm --eval '%{{_dbpath}}')\"; exit ;;\nesac\n"
            f'exec /usr/bin/rpm --root={self.root} "$@"\n'
        )
        (self.bin / "rpm").chmod(0o755)
        return self

    def publish(self, name: str, version: str, files: Mapping[str, str], depends: str = "", script: str = "") -> None:
        """Builds a package whose files are configuration files, and lists it in the repository."""
        assert not script, "scripts would need a whole system in the root"
        plain, _, release = version.partition("-")
        source = self.folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        for path, text in files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        source.mkdir(exist_ok=True)
        listed = "".join(f"%config(noreplace) /{path}\n" for path in files)
        spec = self.folder / f"{name}.spec"
        spec.write_text(
            f"Name: {name}\nVersion: {plain}\nRelease: {release}\nSummary: x\nLicense: x\nBuildArch: noarch\n"
            + (f"Requires: {depends}\n" if depends else "")
            + f"%description\nx\n%install\nmkdir -p %{{buildroot}}\ncp -a {source}/. %{{buildroot}}/\n%files\n{listed}"
        )
        names = "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"
        defined = [f"_topdir {self.folder}/rpmbuild", f"_rpmdir {self.repository}", f"_build_name_fmt {names}"]
        defined.append(f"_dbpath {self.folder}/built")  # else it makes a list at the account's home
        run("rpmbuild", "-bb", "--quiet", *(word for one in defined for word in ("--define", one)), str(spec))
        self.offer()

    def withdraw(self, name: str, version: str) -> None:
        """The repository does not offer it any more."""
        (self.repository / f"{name}-{version}.noarch.rpm").unlink()
        self.offer()

    def offer(self) -> None:
        """Writes the repository's list anew."""
        run("createrepo_c", "-q", str(self.repository))
        for cache in (self.folder / "cache", Path(f"{self.root}{self.folder}/cache")):
            shutil.rmtree(cache, ignore_errors=True)

    def install(self, *versions: tuple[str, str]) -> None:
        """Installs exact versions, as somebody by hand."""
        run(str(self.bin / "dnf"), "-q", "-y", "install", *(f"{name}-{version}" for name, version in versions))

    def installed(self, name: str) -> str:
        """The version that is installed."""
        return run(str(self.bin / "rpm"), "-q", "--qf", "%{VERSION}-%{RELEASE} installed", name)


def run(*words: str) -> str:
    """What a command says."""
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=_CLEAN,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout
