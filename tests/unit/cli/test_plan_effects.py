"""What a plan says of its effects: the time-outs always, what follows from them on request."""

from __future__ import annotations

from auditor.cli.forms import changes
from auditor.model.plan import Cohort, Effect
from auditor.model.resource import Address
from auditor.model.value import Duration
from auditor.report.interface import Style
from auditor.report.messages import Words


def effect_on(name: str, attribute: str, before: float, *, asked: bool = False) -> Effect:
    return Effect(Address("", "httpd.route", name, attribute), Duration(before), Duration(60.0), asked=asked)


def test_what_nobody_needs_does_not_drown_a_route_s_time_out() -> None:
    names = [f"main /{number}" for number in range(12)]
    time_outs = [effect_on(name, "read_timeout", 100.0 + at) for at, name in enumerate(names)]
    derived = [effect_on(name, "own_timeout", 100.0 + at) for at, name in enumerate(names)]
    alike = [effect_on(f"other /{number}", "connect_timeout", 5.0) for number in range(3)]
    asked = effect_on("main /asked", "own_timeout", 1.0, asked=True)
    cohort = Cohort(("web1/httpd",), (), (asked, *derived, *alike, *time_outs))
    text = "\n".join(changes._cohort(cohort, Words("en"), Style("en")))
    assert "main /asked  own time-out: 1 s → 60 s" in text
    for at, name in enumerate(names):
        assert f"{name}  read time-out: {100 + at} s → 60 s" in text
    assert "3 routes  connect time-out: 5 s → 60 s" in text
    assert "other /0, other /1, other /2" in text
    assert text.count("own time-out") == 1
    assert "12 more effects; --verbose lists them" in text
    everything = "\n".join(changes._cohort(cohort, Words("en"), Style("en", verbose=True)))
    assert everything.count("own time-out") == 13
