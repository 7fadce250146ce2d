"""Cases of rules below ``tests/corpus/rules``: one folder a rule and outcome, put through the real pipeline.

An httpd case is a tree (``httpd.conf`` and what it includes), an iLO case what differs from a personality of the
virtual iLO. ``case.json`` says what is known beside:

* httpd: ``httpd_version`` (empty: not known; left out: 2.4.57), ``facts`` that the machine would have said; beside it
  ``declared.yaml``, what the inventory's ``declared:`` of the host would hold;
* iLO: ``personality``, ``changes`` (URI, JSON pointer, value), ``add`` (URI, body), ``remove`` (URIs), ``refuse``
  (paths answered 403); beside it ``catalogue.yaml``, the fleet's firmware catalogue.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from auditor.model.declared import Declaration
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Fact, Interpretation
from auditor.model.target import LocalTree, Target
from auditor.policy.document import load_document
from auditor.policy.firmware import with_catalogue
from auditor.services.alert_record import Proofs, proven
from auditor.services.catalogue import load_catalogue_files
from auditor.services.declarations import read_declared
from auditor.services.fleet_values import ValueReader
from auditor.surfaces.httpd.collect import collect as collect_httpd
from auditor.surfaces.httpd.resources import interpret as interpret_httpd
from auditor.surfaces.ilo.resources import interpret as interpret_ilo
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import virtual_ilo

CORPUS = Path(__file__).parent / "corpus" / "rules"
OUTCOMES = ("pass", "fail", "not_evaluated")
_NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SEALER = Sealer(b"a key of the tests, 32 bytes long")


@dataclass(frozen=True)
class SeenCase:
    """A case as it is observed."""

    target: Target
    collected: Collected
    interpretation: Interpretation


def case_folders() -> list[Path]:
    """Every case's folder, in order."""
    return sorted(path for path in CORPUS.glob("*/*") if path.is_dir())


def observe_case(folder: Path) -> SeenCase:
    """The case, collected and interpreted as any other target is."""
    about: dict[str, Any] = {}
    if (folder / "case.json").exists():
        about = json.loads((folder / "case.json").read_text())
    return _httpd(folder, about) if (folder / "httpd.conf").exists() else _ilo(folder, about)


def _httpd(folder: Path, about: dict[str, Any]) -> SeenCase:
    target = Target("web1", "httpd", LocalTree(str(folder)))
    collected = asyncio.run(collect_httpd(target, CollectOptions(SEALER)))
    told = {name: tuple(value) if isinstance(value, list) else value for name, value in about.get("facts", {}).items()}
    said = {name: Fact(name, value, "the case") for name, value in told.items()}
    facts = {fact.name: fact for fact in collected.facts} | said
    collected = msgspec.structs.replace(collected, facts=tuple(facts[name] for name in sorted(facts)))
    options = InterpretOptions(about.get("httpd_version", "2.4.57"), declared=_declared(folder / "declared.yaml"))
    return SeenCase(target, collected, interpret_httpd(collected, options))


def _declared(file: Path) -> tuple[Declaration, ...]:
    if not file.exists():
        return ()
    reader = ValueReader(file)
    found = read_declared(reader, load_document(str(file), file.read_bytes()), "host", "auditor.yaml")
    assert reader.mistakes == []
    return found


def _ilo(folder: Path, about: dict[str, Any]) -> SeenCase:
    async def run() -> SeenCase:
        async with VirtualIlo(about["personality"], virtual_ilo.USERNAME, virtual_ilo.PASSWORD) as ilo:
            for uri, pointer, value in about.get("changes", ()):
                ilo.state.set(uri, pointer, value)
            for uri, body in about.get("add", ()):
                ilo.state.add(uri, body)
            for uri in about.get("remove", ()):
                ilo.state.remove(uri)
            for path in about.get("refuse", ()):
                ilo.faults.add("refused", path, method="GET")
            collected = await virtual_ilo.collected_from(ilo)
            seen = interpret_ilo(collected, InterpretOptions())
            if (catalogue := folder / "catalogue.yaml").exists():
                seen = with_catalogue(seen, load_catalogue_files((catalogue,)))
            if "proofs" in about:
                seen = proven(seen, collected.target, _proofs(collected.target, about["proofs"]), _NOW)
            return SeenCase(virtual_ilo.target(ilo), collected, seen)

    return asyncio.run(run())


def _proofs(target: str, days: dict[str, int]) -> Proofs:
    return Proofs({(target, channel): _NOW - timedelta(days=number) for channel, number in days.items()})
