"""One httpd of the referee: its tree made of a template and the cases' snippets, what we say of it, what it does."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.answer import Answer
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.explain import Explainer
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.servers import BUILT_IN, RunningHttpd, fcgid_module, free_port, load_modules, modules_directory
from tests.timeouts.cases import CORPUS, Case, Request
from tests.timeouts.clients import Measured, measure, prepare

_ID = re.compile(r"\bAH\d{5}\b")
_PLACE = re.compile(r"@([a-z0-9-]+)@")


@dataclass(frozen=True)
class Outcome:
    """What came of a case: what we said before, what was measured, and the identifiers in its error log."""

    said: Answer
    measured: Measured
    log_ids: tuple[str, ...]
    main_log_ids: tuple[str, ...]
    log: str


class Referee:
    """One server with its cases."""

    def __init__(self, name: str, cases: list[Case], folder: Path, names: Mapping[str, str]) -> None:
        self.cases = cases
        self.tree = folder / name
        self.ports = {key: str(free_port()) for key in ("port", "other-port", "tls-port")}
        user = "User nobody\nGroup #65534\n" if os.geteuid() == 0 else ""
        self.names = {
            **names,
            **self.ports,
            "modules": str(modules_directory()),
            "fcgid": str(fcgid_module()),
            "root": str(self.tree),
        }
        self.head = (
            f'ServerRoot "{self.tree}"\nPidFile logs/httpd.pid\nDefaultRuntimeDir logs\nErrorLog logs/main.log\n{user}'
        )
        for place in ("conf", "logs", "cases"):
            (self.tree / place).mkdir(parents=True)
        (self.tree / "logs").chmod(0o777)
        self._write(
            CORPUS / f"_servers/{name}.conf",
            vhosts="".join(self._virtual_host(case) for case in cases),
            mains="".join(self._main(case) for case in cases),
        )

    def fill(self, template: Path, bodies: Mapping[str, str], main: str) -> None:
        """Writes the tree for virtual hosts, ``NAME.example`` each, and lines of the main server."""
        for name, body in {**bodies, "main": main}.items():
            (self.tree / f"cases/{name}.conf").write_text(self._filled(body) + "\n", encoding="utf-8")
        vhosts = "".join(
            f"<VirtualHost *:{self.ports['port']}>\n  ServerName {name}.example\n  Include cases/{name}.conf\n"
            "</VirtualHost>\n"
            for name in bodies
        )
        self._write(template, vhosts=vhosts, mains="Include cases/main.conf\n")

    def _write(self, template: Path, **parts: str) -> None:
        """Writes the main file. What takes several lines is an Include, so that lines keep the template's numbers."""
        text = template.read_text(encoding="utf-8")
        loads = re.findall(r"@load ([^@]*)@", text)
        parts = {"head": self.head, "load": load_modules(*" ".join(loads).split()), **parts}
        for name, lines in parts.items():
            (self.tree / f"conf/{name}.conf").write_text(lines, encoding="utf-8")
            self.names[name] = f"Include conf/{name}.conf"
        text = re.sub(r"@load [^@]*@", self.names["load"], text)
        (self.tree / "conf/httpd.conf").write_text(self._filled(text), encoding="utf-8")

    def _filled(self, text: str, **more: str) -> str:
        """The text with its placeholders filled."""
        names = {**self.names, **more}
        return _PLACE.sub(lambda found: names.get(found[1], found[0]), text)

    def _own(self, case: Case) -> dict[str, str]:
        return {"case": case.name, "www": str(self.tree / "www" / case.name)}

    def _written(self, case: Case, file: str) -> bool:
        source = CORPUS / case.name / file
        if not source.exists():
            return False
        place = self.tree / "cases" / case.name
        place.mkdir(exist_ok=True)
        (place / file).write_bytes(
            self._filled(source.read_bytes().decode("latin-1"), **self._own(case)).encode("latin-1")
        )
        return True

    def _served(self, case: Case) -> None:
        """The files that the case's virtual host serves, ``@www@`` in its lines."""
        for source in sorted((CORPUS / case.name / "www").rglob("*")):
            if source.is_file():
                place = self.tree / "www" / case.name / source.relative_to(CORPUS / case.name / "www")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(self._filled(source.read_text(encoding="utf-8")), encoding="utf-8")
                place.chmod(source.stat().st_mode & 0o777)

    def _virtual_host(self, case: Case) -> str:
        if not self._written(case, "vhost.conf"):
            return ""
        self._served(case)
        tls = urlsplit(case.request.url).scheme in ("https", "wss")
        return (
            f"<VirtualHost *:{self.ports['tls-port' if tls else 'port']}>\n  ServerName {case.name}.example\n"
            f"  ErrorLog logs/{case.name}.log\n  Include cases/{case.name}/vhost.conf\n</VirtualHost>\n"
        )

    def _main(self, case: Case) -> str:
        return f"Include cases/{case.name}/main.conf\n" if self._written(case, "main.conf") else ""

    def place(self, case: Case) -> tuple[Request, str]:
        """The case's request with its names filled, and the whole URL."""
        asked = case.request
        request = msgspec.structs.replace(
            asked, url=self._filled(asked.url), before=tuple(self._filled(url) for url in asked.before)
        )
        url = request.url
        return request, url if "://" in url else f"http://{case.name}.example:{self.ports['port']}{url}"

    def explainer(self, version: str) -> Explainer:
        """The tree as we understand it."""
        target = Target("web1", "httpd", LocalTree(str(self.tree), main_file="conf/httpd.conf"))
        options = InterpretOptions(modules=tuple(sorted(BUILT_IN)), no_other_modules=True)
        resolved = resolve_collected(asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32)))), options)
        assert resolved.gaps == ()
        return Explainer(resolved, version)

    def say(self, version: str) -> dict[str, Answer]:
        """What ``explain`` says of each case."""
        explainer = self.explainer(version)
        return {case.name: explainer.explain(self.place(case)[1]) for case in self.cases}

    def running(self) -> RunningHttpd:
        """The server, to be entered."""
        ports = self.ports
        return RunningHttpd(self.tree, "conf/httpd.conf", self.tree / "logs/httpd.pid", wait_port=int(ports["port"]))

    async def prepare(self, case: Case) -> None:
        """Asks what comes before the case's question."""
        request, url = self.place(case)
        await prepare(*self._where(url), request)

    async def ask(self, case: Case) -> Measured:
        """Asks the case's question."""
        request, url = self.place(case)
        return await measure(*self._where(url), request)

    def _where(self, url: str) -> tuple[tuple[str, int], str]:
        """The address to connect to (a URL's own, where it names one of loopback), and the Host."""
        parts = urlsplit(url)
        port = parts.port or int(self.ports["port"])
        name = parts.hostname or ""
        return (name if name.startswith("127.") else "127.0.0.1", port), f"{name}:{port}"

    def log(self, case: Case) -> str:
        """What stands in the case's error log."""
        path = self.tree / "logs" / f"{case.log or case.name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def main_log(self) -> str:
        """What stands in the main server's error log."""
        return (self.tree / "logs/main.log").read_text(encoding="utf-8", errors="replace")


def identifiers(log: str) -> tuple[str, ...]:
    """The identifiers in a piece of an error log, each once, sorted."""
    return tuple(sorted(set(_ID.findall(log))))
