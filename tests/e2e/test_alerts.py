"""``auditor alerts test`` and the rule on its age, by the command line, on a virtual iLO."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.store import Store
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.fakes.fleets import TestFleet
from tests.servers import free_port
from tests.virtual_ilo import PASSWORD, PROTOCOL, SNMP, USERNAME

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

RULE = "ILO-ALERT-050"


class Alerts:
    """The real command in a fleet whose only target is a virtual iLO with syslog as its one way."""

    def __init__(self, folder: Path, ilo: VirtualIlo) -> None:
        self.ilo = ilo
        self.fleet = TestFleet(
            folder / "fleet", f"  web1:\n    ilo: {{url: '{ilo.url}', cafile: {ilo.cafile}}}\n"
        ).make()
        login = {"AUDITOR_ILO_USERNAME": USERNAME, "AUDITOR_ILO_PASSWORD": PASSWORD, "LOGNAME": "ops1"}
        self.environment = {**os.environ, **login}
        for number in ("1", "2"):
            ilo.state.remove(f"{SNMP}/SNMPAlertDestinations/{number}")
        self.port = free_port()
        for name, value in (("Enabled", True), ("Server", "127.0.0.1"), ("Port", self.port)):
            ilo.state.set(PROTOCOL, f"/Oem/Hpe/RemoteSyslog{name}", value)

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        def run() -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "auditor", *words]
            where = {"cwd": self.fleet.root, "env": self.environment}
            return subprocess.run(  # type: ignore[call-overload,no-any-return]
                command, **where, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False, text=True
            )

        done = await asyncio.to_thread(run)
        return done.returncode, done.stdout, done.stderr

    async def test(self, *words: str) -> tuple[int, str, str]:
        ports = [word for name in ("snmp", "mail", "event") for word in ("--port", f"{name}=0")]
        return await self("alerts", "test", "web1", "--port", f"syslog={self.port}", *ports, *words)

    async def rule(self) -> str:
        """The rule's outcome in a check."""
        _, out, _ = await self("check", "web1/ilo", "--format", "json")
        results = {one["rule"]: one for one in json.loads(out)["targets"][0]["results"]}
        return str(results[RULE]["outcome"])

    def events(self) -> list[tuple[tuple[str, str], ...]]:
        with Store.open(self.fleet.root / ".auditor" / "store.git") as store:
            return [event.detail for event in store.events(kind="alert tested")]


def test_a_proof_is_asked_about_sent_seen_recorded_and_judged(tmp_path: Path) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            alerts = Alerts(tmp_path, ilo)
            assert await alerts.rule() == "fail"

            code, out, err = await alerts.test()
            assert (code, out) == (4, "")
            assert "real service call" in err
            assert "Nothing was sent." in err
            assert alerts.events() == []
            assert not [path for method, path in ilo.requests if method == "POST" and "Actions" in path]

            ilo.alerts.lies = True
            code, out, _ = await alerts.test("--yes", "--wait", "1")
            assert code == 1
            assert "NOT ARRIVED" in out
            assert f"It sends to 127.0.0.1:{alerts.port}" in out
            assert await alerts.rule() == "fail"

            ilo.alerts.lies = False
            code, out, err = await alerts.test("--yes", "--wait", "30", "--format", "json")
            assert code == 0, out + err
            told = json.loads(out)
            assert told["format"] == "auditor.alerts/v1"
            (syslog,) = (one for one in told["targets"][0]["channels"] if one["channel"] == "syslog")
            assert (syslog["state"], syslog["accepted"], syslog["status"]) == ("arrived", True, 200)
            assert told["targets"][0]["recorded"]
            assert await alerts.rule() == "pass"
            told = sorted(str(dict(one).get("syslog", dict(one).get("state"))) for one in alerts.events())
            assert told == ["arrived", "asked for", "asked for", "not arrived"]

            code, out, _ = await alerts.test("--yes", "--wait", "1", "--channel", "mail", "--lang", "ja")
            assert code == 3
            assert "試験不能" in out

    asyncio.run(story())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--channel", "pager"), "'pager' is no channel"),
        (("--port", "snmp=many"), "a number from 0 to 65535"),
        (("--listen", "monitor.example"), "is no address"),
        (("--wait", "100000"), "at most 3600 seconds"),
        (("--certificate", "/dev/null"), "cannot be used as the sinks' certificate"),
    ],
)
def test_each_mistake_is_told_before_anything_is_sent(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    async def story() -> None:
        async with VirtualIlo("ilo5", USERNAME, PASSWORD) as ilo:
            alerts = Alerts(tmp_path, ilo)
            code, _, err = await alerts.test("--yes", *words)
            assert code == 2
            assert told in err
            assert ilo.requests == []
            assert alerts.events() == []

    asyncio.run(story())
