"""Test alerts from a virtual iLO to real receivers on loopback: what arrives is proven, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import mailbox
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from auditor.errors import InputError
from auditor.model.alert import CHANNELS, Channel, ChannelProof, ProofReport
from auditor.model.target import IloEndpoint, LocalTree, StoredSnapshot, Target
from auditor.services.alert_proof import ProofOptions, prove
from auditor.services.alert_settings import AlertSettings, Ask
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.virtual_ilo import PASSWORD, PROTOCOL, ROOT, SNMP, USERNAME

pytestmark = pytest.mark.integration

DESTINATIONS = f"{SNMP}/SNMPAlertDestinations"
SUBSCRIPTION = f"{ROOT}/EventService/Subscriptions/1"
ENVIRONMENT = {
    "AUDITOR_ILO_USERNAME": USERNAME,
    "AUDITOR_ILO_PASSWORD": PASSWORD,
    "AUDITOR_SNMP_AUTH": "an-auth-passphrase",
    "AUDITOR_SNMP_PRIVACY": "a-privacy-passphrase",
}
ANY_PORT = dict.fromkeys(CHANNELS, 0)


def settings(wait_s: int = 20, **changes: object) -> AlertSettings:
    return msgspec.structs.replace(AlertSettings(ports=ANY_PORT, wait_s=wait_s), **changes)


def target_of(ilo: VirtualIlo, host: str = "web1") -> Target:
    return Target(host, "ilo", IloEndpoint(ilo.url, ilo.cafile))


def point_at(ilo: VirtualIlo, ports: Mapping[Channel, int]) -> None:
    """Has the iLO send everything to the sinks, whose ports are known once they listen."""
    state = ilo.state
    if "snmp" in ports:
        state.set(PROTOCOL, "/Oem/Hpe/SNMPTrapPort", ports["snmp"])
    for number in ("1", "2"):
        state.set(f"{DESTINATIONS}/{number}", "/AlertDestination", "127.0.0.1")
    state.set(f"{SNMP}/SNMPUsers/1", "/UserEngineID", "0x800000E80453494D")
    ilo.alerts.passphrases["alerts"] = ("an-auth-passphrase", "a-privacy-passphrase")
    for member, value in (
        ("AlertMailEnabled", True),
        ("AlertMailEmail", "ops@example.org"),
        ("AlertMailSMTPServer", "127.0.0.1"),
        ("AlertMailSMTPPort", ports.get("mail", 1)),
        ("RemoteSyslogEnabled", True),
        ("RemoteSyslogServer", "127.0.0.1"),
        ("RemoteSyslogPort", ports.get("syslog", 1)),
    ):
        state.set(PROTOCOL, f"/Oem/Hpe/{member}", value)
    place = f"https://127.0.0.1:{ports.get('event', 1)}/events"
    state.add(SUBSCRIPTION, {"Id": "1", "Destination": place, "Context": "fleet", "Protocol": "Redfish"})


def run(ilo: VirtualIlo, options: ProofOptions | None = None, prepare: object = None, **other: object) -> ProofReport:
    """Tests the alerts of one virtual iLO that sends to the sinks; ``prepare`` changes it once the sinks listen."""

    def listening(ports: Mapping[Channel, int]) -> None:
        point_at(ilo, ports)
        if callable(prepare):
            prepare()

    chosen = options or ProofOptions(settings(), environment=ENVIRONMENT)
    fields = {"on_listening": listening, **other}
    made = ProofOptions(**{**{name: getattr(chosen, name) for name in chosen.__dataclass_fields__}, **fields})

    async def main() -> ProofReport:
        async with ilo:
            return await prove([target_of(ilo)], made)

    return asyncio.run(main())


def virtual(source: str = "ilo5") -> VirtualIlo:
    return VirtualIlo(source, USERNAME, PASSWORD)


def by_channel(report: ProofReport, number: int = 0) -> dict[str, ChannelProof]:
    return {proof.channel: proof for proof in report.targets[number].channels}


def posts(ilo: VirtualIlo) -> list[str]:
    return [path.rsplit(".", 1)[-1] for method, path in ilo.requests if method == "POST" and "/Actions/" in path]


@pytest.mark.parametrize("source", ["ilo5", "ilo6", "ilo7"])
def test_every_channel_of_an_ilo_is_proven_with_one_request_each(source: str) -> None:
    ilo = virtual(source)
    report = run(ilo)
    proofs = by_channel(report)
    assert {name: proof.state for name, proof in proofs.items()} == dict.fromkeys(CHANNELS, "arrived")
    assert all(proof.accepted and proof.code == 200 and proof.seconds is not None for proof in proofs.values())
    assert sorted(posts(ilo)) == ["SendSNMPTestAlert", "SendTestAlertMail", "SendTestSyslog", "SubmitTestEvent"]
    assert report.complete
    assert not report.lost
    assert not ilo.sessions  # logged out


@pytest.mark.parametrize("keep", ["1", "2"])
def test_snmp_v1_and_v3_with_authentication_and_privacy_each_prove_the_channel(keep: str) -> None:
    ilo = virtual()
    drop = {"1": "2", "2": "1"}[keep]
    chosen = ProofOptions(settings(), ("snmp",), ENVIRONMENT)
    report = run(ilo, chosen, lambda: ilo.state.remove(f"{DESTINATIONS}/{drop}"))
    assert by_channel(report)["snmp"].state == "arrived"
    assert ilo.alerts.sent == ["snmp"]


def test_a_v3_inform_is_confirmed_and_proves_the_channel() -> None:
    ilo = virtual()

    def only_inform() -> None:
        ilo.state.remove(f"{DESTINATIONS}/1")
        ilo.state.set(f"{DESTINATIONS}/2", "/SNMPAlertProtocol", "SNMPv3Inform")

    report = run(ilo, ProofOptions(settings(), ("snmp",), ENVIRONMENT), only_inform)
    assert by_channel(report)["snmp"].state == "arrived"


def test_a_v3_trap_with_another_passphrase_is_no_proof_and_says_why() -> None:
    ilo = virtual()

    def others() -> None:
        ilo.state.remove(f"{DESTINATIONS}/1")
        ilo.alerts.passphrases["alerts"] = ("another-passphrase", "a-privacy-passphrase")

    report = run(ilo, ProofOptions(settings(2), ("snmp",), ENVIRONMENT), others)
    proof = by_channel(report)["snmp"]
    assert proof.state == "not tested"
    assert "could not be read or verified" in proof.text
    assert not report.complete


@pytest.mark.parametrize("unused", [None, "", "0.0.0.0"])
def test_without_the_passphrases_nothing_is_sent_that_could_not_be_verified(unused: str | None) -> None:
    ilo = virtual()
    bare = {name: value for name, value in ENVIRONMENT.items() if "SNMP" not in name}
    chosen = ProofOptions(settings(), ("snmp",), bare)
    first = f"{DESTINATIONS}/1"  # of v1, which needs no passphrase; it goes nowhere
    gone = lambda: ilo.state.remove(first) if unused is None else ilo.state.set(first, "/AlertDestination", unused)  # noqa: E731
    report = run(ilo, chosen, gone)
    assert by_channel(report)["snmp"].state == "not tested"
    assert "AUDITOR_SNMP_AUTH and AUDITOR_SNMP_PRIVACY not set" in by_channel(report)["snmp"].text
    assert posts(ilo) == []


def test_an_ilo_that_says_200_and_sends_nothing_is_found_out() -> None:
    ilo = virtual()
    ilo.alerts.lies = True
    report = run(ilo, ProofOptions(settings(1), environment=ENVIRONMENT))
    proofs = by_channel(report)
    assert {proof.state for proof in proofs.values()} == {"not arrived"}
    assert all(proof.accepted and proof.code == 200 for proof in proofs.values())
    assert report.lost
    assert report.complete


def test_a_channel_that_is_not_set_up_is_no_failure_unless_it_was_asked_for() -> None:
    ilo = virtual()

    def mail_off() -> None:
        ilo.state.set(PROTOCOL, "/Oem/Hpe/AlertMailEnabled", False)

    report = run(ilo, None, mail_off)
    assert by_channel(report)["mail"].state == "not set up"
    assert report.complete
    asked = run(virtual(), ProofOptions(settings(), ("event",), ENVIRONMENT))
    assert asked.complete
    other = virtual()
    report = run(
        other,
        ProofOptions(settings(), ("mail",), ENVIRONMENT),
        lambda: other.state.set(PROTOCOL, "/Oem/Hpe/AlertMailEnabled", False),
    )
    assert by_channel(report)["mail"].state == "not tested"
    assert posts(other) == []
    assert not report.complete


def test_an_action_that_is_another_under_this_name_is_not_asked_for() -> None:
    ilo = virtual()

    def lying() -> None:
        reset = "/redfish/v1/Managers/1/Actions/Manager.Reset"
        ilo.state.set(SNMP, "/Actions", {"#HpeiLOSnmpService.SendSNMPTestAlert": {"target": reset}})

    report = run(ilo, ProofOptions(settings(), ("snmp",), ENVIRONMENT), lying)
    assert "offers no SendSNMPTestAlert" in by_channel(report)["snmp"].text
    assert posts(ilo) == []


def test_no_mail_is_asked_for_that_would_bring_a_password_to_the_sink() -> None:
    ilo = virtual()
    report = run(
        ilo,
        ProofOptions(settings(), ("mail",), ENVIRONMENT),
        lambda: ilo.state.set(PROTOCOL, "/Oem/Hpe/AlertMailSMTPAuthEnabled", True),
    )
    assert "takes no password" in by_channel(report)["mail"].text
    assert posts(ilo) == []


def test_a_refusal_for_want_of_a_licence_is_told_and_is_no_loss() -> None:
    ilo = virtual()
    ilo.faults.add("licence", "SendTestAlertMail", method="POST")
    report = run(ilo, ProofOptions(settings(), ("mail", "syslog"), ENVIRONMENT))
    proof = by_channel(report)["mail"]
    assert (proof.state, proof.code) == ("not tested", 403)
    assert "the licence lacks it" in proof.text
    assert by_channel(report)["syslog"].state == "arrived"
    assert not report.lost


def test_a_request_without_an_answer_is_not_repeated_and_what_arrives_still_proves() -> None:
    ilo = virtual()
    ilo.faults.add("lost reply", "SendTestSyslog", method="POST")
    report = run(ilo, ProofOptions(settings(), ("syslog",), ENVIRONMENT))
    proof = by_channel(report)["syslog"]
    assert proof.state == "arrived"
    assert not proof.accepted
    assert posts(ilo) == ["SendTestSyslog"]


def test_two_ilos_that_share_address_and_names_prove_nothing_for_each_other() -> None:
    async def main() -> ProofReport:
        async with virtual() as one, virtual() as other:
            other.alerts.lies = True

            def listening(ports: Mapping[Channel, int]) -> None:
                for ilo in (one, other):
                    point_at(ilo, ports)

            chosen = ProofOptions(settings(1), ("syslog",), ENVIRONMENT, on_listening=listening)
            return await prove([target_of(one), target_of(other, "web2")], chosen)

    report = asyncio.run(main())
    assert [by_channel(report, number)["syslog"].state for number in (0, 1)] == ["not arrived", "not arrived"]
    assert [(one.channel, one.count) for one in report.strangers] == [("syslog", 1)]
    assert "names what several machines are called" in report.strangers[0].why


def test_of_two_ilos_at_one_address_the_one_that_is_named_is_proven_and_the_liar_is_not() -> None:
    async def main() -> ProofReport:
        async with virtual() as one, virtual("ilo6") as liar:
            liar.alerts.lies = True
            for member, value in (("HostName", "sim-web2-ilo"), ("FQDN", "sim-web2-ilo.example")):
                liar.state.set(PROTOCOL, f"/{member}", value)
            liar.state.set(f"{ROOT}/Systems/1", "/SerialNumber", "SIM0000002")
            liar.state.set(f"{ROOT}/Systems/1", "/HostName", "web2")

            def listening(ports: Mapping[Channel, int]) -> None:
                for ilo in (one, liar):
                    point_at(ilo, ports)

            chosen = ProofOptions(settings(2), environment=ENVIRONMENT, on_listening=listening)
            return await prove([target_of(one), target_of(liar, "web2")], chosen)

    report = asyncio.run(main())
    assert {proof.state for proof in by_channel(report, 0).values()} == {"arrived"}
    assert {proof.state for proof in by_channel(report, 1).values()} == {"not arrived"}


def test_an_ilo_that_refuses_the_log_in_costs_itself_alone() -> None:
    async def main() -> ProofReport:
        async with virtual() as one, VirtualIlo("ilo5", USERNAME, "another") as closed:
            own = IloEndpoint(closed.url, closed.cafile, username_env="OTHER_USER", password_env="OTHER_PASSWORD")
            environment = {**ENVIRONMENT, "OTHER_USER": "somebody", "OTHER_PASSWORD": "wrong"}
            chosen = ProofOptions(settings(), ("syslog",), environment, on_listening=lambda ports: point_at(one, ports))
            return await prove([target_of(one), Target("web2", "ilo", own)], chosen)

    report = asyncio.run(main())
    assert by_channel(report)["syslog"].state == "arrived"
    assert "refused" in report.targets[1].failure
    assert not report.complete


def test_credentials_that_one_ilo_refused_are_tried_on_no_other() -> None:
    async def main() -> tuple[ProofReport, int]:
        async with VirtualIlo("ilo5", USERNAME, "a") as one, VirtualIlo("ilo5", USERNAME, "b") as other:
            chosen = ProofOptions(settings(), ("syslog",), ENVIRONMENT)
            report = await prove([target_of(one), target_of(other, "web2")], chosen)
            return report, one.refused_logins + other.refused_logins

    report, tries = asyncio.run(main())
    assert tries == 1
    assert all(one.failure for one in report.targets)


@pytest.mark.parametrize(
    ("script", "state", "text"),
    [
        ("test {host} = web1 && echo seen", "arrived", ""),
        ("exit 1", "not arrived", "the iLO said"),
        ("true", "not arrived", "the iLO said"),
        ("exit 7", "not tested", "exit code 7"),
    ],
)
def test_a_command_of_the_site_is_asked_instead_of_a_sink(script: str, state: str, text: str) -> None:
    ask: dict[Channel, Ask] = {"syslog": Ask(("sh", "-c", script.replace("{host}", "$1"), "sh", "{host}"))}
    chosen = ProofOptions(settings(1, ask=ask), ("syslog",), ENVIRONMENT)
    proof = by_channel(run(virtual(), chosen))["syslog"]
    assert proof.state == state
    assert text in proof.text


@pytest.mark.parametrize("location", [StoredSnapshot("latest", "web1/ilo"), LocalTree("/etc/httpd")])
def test_only_an_ilo_itself_is_asked_for_test_alerts(location: StoredSnapshot | LocalTree) -> None:
    with pytest.raises(InputError, match="Nothing was sent") as caught:
        asyncio.run(prove([Target("web1", "ilo", location)], ProofOptions(settings(1), environment=ENVIRONMENT)))
    assert "web1/ilo" in str(caught.value)


@pytest.mark.parametrize(
    ("channel", "ask"),
    [
        ("syslog", Ask(("/nowhere/seen", "{host}"))),
        ("syslog", Ask(("no-such-program",))),
        ("mail", Ask(mailbox="/x/y")),
    ],
)
def test_what_cannot_be_asked_stops_the_run_before_anything_is_sent(channel: Channel, ask: Ask) -> None:
    ilo = virtual()
    with pytest.raises(InputError, match="Nothing was sent"):
        run(ilo, ProofOptions(settings(1, ask={channel: ask}), (channel,), ENVIRONMENT))
    assert posts(ilo) == []


def test_a_command_gets_none_of_our_credentials() -> None:
    ask: dict[Channel, Ask] = {"syslog": Ask(("sh", "-c", "env | grep -c AUDITOR_ | grep -x 0"))}
    environment = {**ENVIRONMENT, "PATH": "/usr/bin:/bin"}
    proof = by_channel(run(virtual(), ProofOptions(settings(5, ask=ask), ("syslog",), environment)))["syslog"]
    assert proof.state == "arrived"


@pytest.mark.parametrize("form", ["Maildir", "mbox"])
def test_a_mail_that_reaches_a_mailbox_is_proof_and_one_that_lay_there_is_not(form: str, tmp_path: Path) -> None:
    place = tmp_path / "box"
    old = b"From: sim-web1-ilo@example\r\nSubject: sim-web1-ilo: test alert\r\n\r\nold\r\n"

    def deliver(content: bytes) -> None:
        with contextlib.closing(getattr(mailbox, form)(str(place))) as box:
            box.add(content)

    deliver(old)
    ask: dict[Channel, Ask] = {"mail": Ask(mailbox=str(place))}
    ilo = virtual()
    ilo.alerts.lies = True
    proofs = by_channel(run(ilo, ProofOptions(settings(2, ask=ask), ("mail",), ENVIRONMENT)))
    assert proofs["mail"].state == "not arrived"
    ilo = virtual()
    ilo.alerts.lies = True

    def listening(ports: Mapping[Channel, int]) -> None:
        point_at(ilo, ports)
        asyncio.get_running_loop().call_later(1.0, deliver, old + b"new")

    proofs = by_channel(run(ilo, ProofOptions(settings(20, ask=ask), ("mail",), ENVIRONMENT), on_listening=listening))
    assert proofs["mail"].state == "arrived"


def test_a_port_that_is_taken_stops_the_run_before_anything_is_sent() -> None:
    ilo = virtual()

    async def main() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with ilo, server:
            chosen = ProofOptions(settings(ports={**ANY_PORT, "event": port}), environment=ENVIRONMENT)
            with pytest.raises(InputError, match=r"cannot listen on 127\.0\.0\.1 port"):
                await prove([target_of(ilo)], chosen)

    asyncio.run(main())
    assert posts(ilo) == []


def test_the_virtual_ilo_sends_nothing_beyond_this_machine() -> None:
    ilo = virtual()

    def elsewhere() -> None:
        ilo.state.set(PROTOCOL, "/Oem/Hpe/RemoteSyslogServer", "192.0.2.9")

    report = run(ilo, ProofOptions(settings(1), ("syslog",), ENVIRONMENT, now=lambda: datetime.now(UTC)), elsewhere)
    assert by_channel(report)["syslog"].state == "not arrived"
    assert (ilo.alerts.sent, ilo.alerts.failed) == ([], ["syslog"])
