"""Whose an alert is: exactly one machine's, or nobody's proof."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.alert_matching import Matched, Matcher
from auditor.model.alert import Channel, Machine, Received


def machine(number: int, address: str = "", *marks: str, sent: float = 10.0) -> Machine:
    names = marks or (f"web{number}-ilo", f"web{number}-ilo.example", f"serial000{number}")
    channels: tuple[Channel, ...] = ("snmp", "mail", "syslog", "event")
    known = frozenset([address or f"10.0.0.{number}"])
    return Machine(f"web{number}/ilo", known, names, tuple((channel, sent) for channel in channels))


def alert(text: str, source: str = "10.9.9.9", channel: Channel = "syslog", at: float = 11.0) -> Received:
    return Received(channel, at, source, (text,), "here")


def match(*alerts: Received) -> Matched:
    matcher = Matcher((machine(1), machine(2)))
    for one in alerts:
        matcher.take([one])
    return matcher.matched


ONE, TWO = machine(1), machine(2)
SHARING = (machine(1, "10.0.0.1", "sim-ilo", "serial0001"), machine(2, "10.0.0.2", "sim-ilo", "serial0002"))
AT_ONE = (machine(1, "10.0.0.7"), machine(2, "10.0.0.7"))


@pytest.mark.parametrize(
    ("machines", "what", "owner"),
    [
        ((ONE, TWO), alert("<134>WEB1-ILO test", "10.0.0.1"), "web1/ilo"),
        ((ONE, TWO), alert("<134>nothing of use", "10.0.0.2"), "web2/ilo"),
        ((ONE, TWO), alert("host web2-ilo.example says"), "web2/ilo"),
        ((ONE, TWO), alert("serial0001 and web2-ilo", "10.0.0.1"), ""),
        ((ONE, TWO), alert("web1-ilo", "10.0.0.2"), ""),  # says one, comes from the other
        ((ONE, TWO), alert("web1-ilo", "10.0.0.2", "mail"), "web1/ilo"),  # a mail is relayed
        ((ONE, TWO), alert("nobody", "10.0.0.3"), ""),
        ((ONE, TWO), alert("web1-ilo2, web1-ilo.other.example, my-web1-ilo, web1-ilo_x"), ""),
        ((ONE, TWO), alert("It was web1-ilo."), "web1/ilo"),
        ((ONE, TWO), alert("From: alerts@web1-ilo.example"), "web1/ilo"),
        ((machine(1, "", "rack 7: left"),), alert("at rack 7: left, a fan"), "web1/ilo"),
        ((machine(1, "", "rack 7: left"),), alert("at rack 7: leftmost"), ""),
        (SHARING, alert("sim-ilo", "10.0.0.1"), "web1/ilo"),
        (SHARING, alert("sim-ilo", "10.0.0.3"), ""),
        (SHARING, alert("sim-ilo serial0002", "10.0.0.2"), "web2/ilo"),
        (SHARING, alert("sim-ilo serial0002", "10.0.0.1"), ""),
        (AT_ONE, alert("nothing", "10.0.0.7"), ""),
        (AT_ONE, alert("web2-ilo", "10.0.0.7"), "web2/ilo"),
    ],
)
def test_an_alert_is_one_machines_or_nobodys(machines: tuple[Machine, ...], what: Received, owner: str) -> None:
    found, why = Matcher(machines).owner(what)
    assert found == owner
    assert bool(why) is not bool(owner)


def test_an_alert_from_before_its_test_proves_nothing_and_is_told() -> None:
    matched = match(alert("web1-ilo", "10.0.0.1", at=9.9))
    assert matched.arrived == {}
    assert "before its test alert was asked for" in matched.strangers[0].why


def test_the_first_arrival_after_the_test_counts() -> None:
    found = [alert("web1-ilo", "10.0.0.1", at=moment) for moment in (9.0, 14.0, 12.0)]
    assert match(*found).arrived["web1/ilo", "syslog"].at == 12.0


def test_an_alert_of_a_channel_that_was_not_asked_for_is_no_proof() -> None:
    quiet = Machine("web1/ilo", frozenset(["10.0.0.1"]), ("web1-ilo",), (("mail", 1.0),))
    matcher = Matcher((quiet,))
    matcher.take([alert("web1-ilo", "10.0.0.1")])
    assert matcher.matched.arrived == {}
    assert "was not asked for one" in matcher.matched.strangers[0].why


_WORDS = st.lists(st.sampled_from(["web1-ilo", "web2-ilo", "sim-ilo", "serial0001", "fan", "x.web1-ilo"]), max_size=5)
_SOURCES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.7", "10.9.9.9", ""])


@given(words=_WORDS, source=_SOURCES, address=_SOURCES, order=st.booleans())
def test_the_order_of_machines_decides_nothing_and_another_machine_never_adds_a_proof(
    words: list[str], source: str, address: str, order: bool
) -> None:
    one = machine(1, "10.0.0.1", "web1-ilo", "sim-ilo", "serial0001")
    other = machine(2, address or "10.0.0.2", "web2-ilo", "sim-ilo")
    what = alert(" ".join(words), source)
    machines = (one, other) if order else (other, one)
    alone, together = Matcher((one,)).owner(what)[0], Matcher(machines).owner(what)[0]
    assert together == Matcher(machines[::-1]).owner(what)[0]
    if together == "web1/ilo":
        assert alone == "web1/ilo"
