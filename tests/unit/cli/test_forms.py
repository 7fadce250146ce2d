"""The forms of explain, plan and apply: 80 columns, both languages, foreign text harmless, the next command named."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from auditor.cli.forms import changes, explain, rehearsal, what_if
from auditor.model.plan import (
    ApplyReport,
    BiosAttributes,
    Cohort,
    DirectiveEdit,
    Effect,
    Limit,
    NoUndo,
    Origin,
    OutcomeOf,
    Plan,
    Proposal,
    RedfishPatch,
    Step,
    Undecided,
    Wave,
)
from auditor.model.rehearsal import Rehearsal, RehearsedTarget
from auditor.model.resource import Address
from auditor.model.snapshot import Gap, Waiting
from auditor.model.source import FileSource
from auditor.model.value import Boolean, Duration, Number, Text, Undetermined
from auditor.plan.disruption import DisruptionSum
from auditor.report.interface import LANGUAGES, Style
from auditor.report.layout import width_of
from auditor.services.changes.propose import Proposed
from auditor.services.changes.show import ShownPlan, SignerOf
from auditor.services.explain import Answers, OwnTimeout
from auditor.services.what_if import Asked, WhatIf
from auditor.surfaces.httpd.answer import Answer, ChainEntry, Governed, OnTimeout
from tests.fakes.reports import HOSTILE

_HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SUM = DisruptionSum((("reload", 3), ("reboot", 1)), 540, 90)
_LINE = FileSource("conf.d/shop.conf", 28, 28)


def answers(text: str = "shop.example:443") -> Answers:
    governed = Governed("ProxyPass", "timeout=300", _LINE)
    chain = (
        ChainEntry(
            "timeout=60 on /api", True, "ignored", f"the worker was made by {text}", FileSource("a.conf", 31, 31)
        ),
        ChainEntry("timeout=300 on /app", True, "governs", "", _LINE),
        ChainEntry("Timeout 60", True, "not reached", ""),
    )
    answer = Answer(
        "https://shop.example/api", text, True, f"ProxyPass {text}", "http://10.0.0.5:8080/", 300, None, governed,
        governed, chain, OnTimeout(502, ("AH01102", "AH00898"), text), (text,), _LINE, FileSource("a.conf", 31, 31),
        f"{text} /api", "http://x/", _LINE, ((text, _LINE),), connect_note=text,
    )  # fmt: skip
    own = OwnTimeout(Address("web1/httpd", "httpd.route", f"{text} /api", "read_timeout"), 60, (f"{text} /app",))
    return Answers("web1/httpd", (answer,), (), False, (own,))


def plan(text: str = "own time-out for /api") -> Plan:
    place = Address("", "httpd.route", text, "read_timeout")
    edit = DirectiveEdit("conf.d/shop.conf", 31, 31, "ProxyPass /api\n", "ProxyPass /api timeout=60\n")
    steps = (
        Step("1", text, edit, edit, "reload", (), ()),
        Step("2", text, RedfishPatch("/redfish/v1/X", (("/Alerts", "true"),)), NoUndo(text), "reboot", (), ()),
    )
    effects = (
        Effect(place, Duration(300), Duration(60), True),
        *(
            Effect(Address("", "httpd.route", f"{text} {n}", "read_timeout"), Duration(300), Duration(60), False)
            for n in (1, 2)
        ),
        Effect(Address("", "httpd.directive", text, "arguments"), Text(text), None, False),
    )
    return Plan(
        text, "ops1", "2026-11-22T10:14:00Z", "2026-11-25T10:14:00Z", Origin("set", (text,)),
        (Wave("all", ("web1/httpd",)),), (Cohort(("web1/httpd",), steps, effects),), notes=(text,),
    )  # fmt: skip


def shown(text: str = "own time-out", *, approved: bool = False, outcome: str = "") -> ShownPlan:
    signer = SignerOf("lead1", "SHA256:9f")
    return ShownPlan(
        "7c1e9a00" * 8, plan(text), SignerOf("ops1", "SHA256:4b"), (signer,) if approved else (), 1,
        ((text, 0, 1),), None if approved else SignerOf(text, text), False,
        () if approved else ("it has 0 of 1 approvals",), (text,), (), False, waiting(text),
        (("web1/httpd", "reload"),), _SUM, ("2",), rehearsal_of(text),
        (("web1/httpd", outcome),) if outcome else (), (), "/fleet/plans/7c1e9a00",
    )  # fmt: skip


def waiting(text: str) -> tuple[Waiting, ...]:
    where = Address("web1/ilo", "ilo.bios", text, "BootMode")
    return (Waiting(where, None, Text(text), "reboot", None),)


def rehearsal_of(text: str) -> Rehearsal:
    found = RehearsedTarget("web1/httpd", "failed", text, text, ((text, True), (text, False)))
    return Rehearsal("7c1e9a00" * 8, "2026-11-22T11:00:00Z", text, "1", (found, RehearsedTarget("a", "passed")))


def outcomes(text: str = "it failed") -> ApplyReport:
    found = OutcomeOf("web1/httpd", "taken back", text, ((text, True), (text, False)))
    return ApplyReport("7c1e9a00" * 8, "forward", (found, OutcomeOf("web2/httpd", "applied", "", ((text, True),))))


def foretold(text: str) -> tuple[WhatIf, ...]:
    place = Address("", "ilo.bios", text, "BootMode")
    limits = (
        Limit(place, "locked", Boolean(False), Boolean(True), text),
        Limit(place, "hidden", Boolean(False), Undetermined(text)),
        Limit(place, "most", None, Number(5)),
    )
    proposal = Proposal(
        "web1/ilo", plan(text).cohorts[0].steps, plan(text).cohorts[0].effects, (), (text,), limits, (),
        (Undecided(place, "value", text),),
    )  # fmt: skip
    asked = Asked(place, Text(text), Text("Uefi"), "Uefi", text)
    gap = Gap(text, "timed out", text, text)
    refused = Proposal("web1/ilo", (), (), (text,))
    return (
        WhatIf("web1/ilo", True, (asked,), proposal, (gap,), True),
        WhatIf("web2/ilo", True, (asked,), refused),
        WhatIf("web3/ilo", False, (asked,), Proposal("web3/ilo", (), ()), (gap,)),
    )


def _tables(text: str, style: Style) -> list[str]:
    return [
        explain.show_explain(answers(text), style),
        changes.show_plan(shown(text), style),
        changes.show_proposed(Proposed("7c1e9a00" * 8, plan(text), "/fleet/plans/x", True, _SUM, (text,)), style),
        changes.show_outcomes(outcomes(text), style),
        rehearsal.show_rehearsal(rehearsal_of(text), style),
        what_if.show_what_if(foretold(text), style),
    ]


def _documents(text: str) -> list[str]:
    return [
        explain.explain_json(answers(text), Style()),
        changes.plan_json(shown(text), Style()),
        changes.proposed_json(Proposed("7c1e9a00" * 8, plan(text), "/fleet/plans/x", True, _SUM, (text,)), Style()),
        changes.outcomes_json(outcomes(text), Style()),
        rehearsal.rehearsal_json(rehearsal_of(text), Style()),
        what_if.what_if_json(foretold(text), Style()),
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_text_is_harmless(lang: str) -> None:
    for verbose in (False, True):
        for text in _tables(HOSTILE, Style(lang=lang, verbose=verbose)):
            assert not _HARMFUL.findall(text)
            assert "日本" in text


def test_json_holds_the_same_text_and_a_format() -> None:
    for text in _documents(HOSTILE):
        assert not _HARMFUL.findall(text)
        assert json.loads(text)["format"].startswith("auditor.")
    assert json.loads(_documents(HOSTILE)[0])["answers"][0]["virtual_host"] == HOSTILE


@pytest.mark.parametrize("lang", LANGUAGES)
def test_tables_fit_80_columns_but_for_what_is_copied(lang: str) -> None:
    for text in _tables("own time-out for the route of the shop", Style(lang=lang)):
        for line in text.splitlines():
            assert "auditor " in line or "[" in line or width_of(line) <= 80, line


def test_explain_tells_the_chain_and_the_command_that_gives_the_route_its_own() -> None:
    text = explain.show_explain(answers(), Style())
    assert "read time-out       300 s     ProxyPass timeout=300" in text
    assert "connect time-out    no limit" in text
    assert "status 502 after 300 s, AH01102 and AH00898" in text
    assert "auditor plan --set 'web1/httpd:httpd.route[\"shop.example:443 /api\"].read_timeout=60s'" in text


def test_a_plan_tells_lines_effects_and_what_cannot_be_taken_back() -> None:
    text = changes.show_plan(shown(), Style())
    assert "- ProxyPass /api\n" in text
    assert "+ ProxyPass /api timeout=60\n" in text
    assert "own time-out  read time-out: 300 s → 60 s" in text
    assert "2 routes  read time-out: 300 s → 60 s  (a consequence)" in text
    assert "cannot be taken back" in text
    assert "Irreversible steps, each consented to by the author: 2" in text


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("en", "Disrupts in sum: 3 reloads, 1 reboot, about 9 minutes, about 90 seconds of pauses"),
        ("ja", "中断の合計: 再読み込み 3 回, 再起動 (本体) 1 回, 約 9 分"),
    ],
)
def test_a_plan_tells_what_it_disrupts_in_sum(lang: str, expected: str) -> None:
    assert expected in " ".join(changes.show_plan(shown(), Style(lang=lang)).split())
    assert json.loads(changes.plan_json(shown(), Style()))["in_sum"]["seconds"] == 540


def test_what_only_the_way_back_of_a_bios_sets_is_shown_before_anybody_approves() -> None:
    bios = "/redfish/v1/systems/1/bios"
    change = BiosAttributes(bios, f"{bios}/settings", (("WorkloadProfile", '"Custom"'),))
    undo = BiosAttributes(bios, f"{bios}/settings", (("WorkloadProfile", '"GeneralPower"'), ("SecureBoot", '"Off"')))
    found = shown()
    step = Step("1", "why", change, undo, "reboot", (), ())
    cohort = msgspec.structs.replace(found.plan.cohorts[0], steps=(step,))
    plan = msgspec.structs.replace(found.plan, cohorts=(cohort,))
    text = changes.show_plan(msgspec.structs.replace(found, plan=plan), Style())
    assert 'back: the same values as before\n      SecureBoot = "Off"\n' in text


def test_the_next_command_follows_from_what_was_done() -> None:
    assert "Next:  auditor approve 7c1e9a00 --key FILE" in changes.show_plan(shown(), Style())
    assert "Next:  auditor apply 7c1e9a00" in changes.show_plan(shown(approved=True), Style())
    done = shown(approved=True, outcome="applied")
    assert done.irreversible
    assert "Next:  auditor plan --to 7c1e9a00 TARGET" in changes.show_plan(done, Style())
    done = msgspec.structs.replace(done, irreversible=())
    assert "Next:  auditor rollback 7c1e9a00" in changes.show_plan(done, Style())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"author": None, "reasons": ('its author "ops1" has not signed it',)},
            "plan --refresh 7c1e9a00 --author NAME",
        ),
        ({"reasons": ("it was made with the fleet key a, and the key here is b",)}, "plan --refresh 7c1e9a00"),
        ({"reasons": ("it has 0 of 1 approvals", "its rehearsal failed: web1/httpd: x")}, "plan --refresh 7c1e9a00"),
        ({"reasons": ("it was not rehearsed, and the rules ask for that",)}, "rehearse 7c1e9a00"),
    ],
)
def test_the_next_command_is_none_that_would_be_refused(change: dict[str, object], expected: str) -> None:
    found = msgspec.structs.replace(shown(approved=True), **change)
    assert f"Next:  auditor {expected}" in changes.show_plan(found, Style())


def test_a_plan_that_nobody_signed_is_not_given_to_approvers() -> None:
    made = Proposed("7c1e9a00" * 8, plan("x"), "/fleet/plans/7c1e9a00", False, _SUM, ("the author has not signed it",))
    assert "Next:  auditor plan --refresh 7c1e9a00 --author NAME --key FILE" in changes.show_proposed(made, Style())
    signed = msgspec.structs.replace(made, signed=True)
    assert "Next:  auditor approve 7c1e9a00 --key FILE" in changes.show_proposed(signed, Style())


def test_outcomes_tell_every_check() -> None:
    text = changes.show_outcomes(outcomes("the port answers"), Style())
    assert "✔ the port answers" in text
    assert "✘ the port answers" in text
    assert "failed; taken back and verified" in text
    assert "auditor rollback 7c1e9a00" in text


def test_what_was_put_back_and_is_not_seen_to_be_as_before_is_not_called_so() -> None:
    found = OutcomeOf("web1/httpd", "rolled back", "", (("put back", True), ("the port answers no more", False)))
    text = changes.show_outcomes(ApplyReport("7c1e9a00" * 8, "back", (found,)), Style())
    assert "web1/httpd  put back, NOT SEEN to be as before" in text
    assert "as before, verified" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "setting",
    [
        "ProxyTimeout 30, in force where the worker was made",
        'timeout=20 on "/受付システム/とても長い日本語のパスがここに続きます"',
        "timeout=20 on http://[2001:db8:85a3:8d3:1319:8a2e:370:7348]:8080/a/path",
    ],
)
def test_a_long_setting_keeps_clear_of_its_place_and_the_place_is_never_broken(lang: str, setting: str) -> None:
    place = FileSource("conf.d/とても長いディレクトリ名/とても長いファイル名.conf", 9, 9)
    chain = (ChainEntry(setting, True, "governs", "", place), ChainEntry("Timeout 60", True, "not reached", "", place))
    (answer,) = answers().answers
    found = msgspec.structs.replace(answers(), answers=(msgspec.structs.replace(answer, chain=chain),))
    lines = explain.show_explain(found, Style(lang=lang)).splitlines()
    assert [line.strip() for line in lines].count(f"{place.file}:9") == 2
    assert all(width_of(line) <= 80 for line in lines if "auditor " not in line)
    for line in lines:  # a label never touches its text
        assert "アウト3" not in line


def test_what_a_time_out_looks_like_is_said_to_be_unknown_where_it_is() -> None:
    (answer,) = answers().answers
    mark = OnTimeout(None, (), "what httpd does then is not known for ws")
    found = msgspec.structs.replace(answers(), answers=(msgspec.structs.replace(answer, on_timeout=mark),))
    text = explain.show_explain(found, Style())
    assert "after 300 s: status and log are not known" in text
    assert "status -" not in text


def test_a_command_is_shown_with_all_that_it_changes_and_only_where_it_does_what_it_says() -> None:
    found = answers()
    text = explain.show_explain(found, Style())
    assert "To give shop.example:443 /api 60 s, and with it these" in text
    assert text.index("auditor plan --set") < text.index("shop.example:443 /app")
    (own,) = found.own
    assert own is not None
    alone = msgspec.structs.replace(found, own=(msgspec.structs.replace(own, others=()),))
    assert "To give shop.example:443 /api its own 60 s:" in explain.show_explain(alone, Style())
    many = msgspec.structs.replace(own, others=tuple(f"a /{n}" for n in range(9)))
    assert "and 4 more" in explain.show_explain(msgspec.structs.replace(found, own=(many,)), Style())
    assert "auditor plan" not in explain.show_explain(msgspec.structs.replace(found, own=(None,)), Style())


def test_what_if_names_all_that_is_open_and_counts_what_is_alike() -> None:
    whole, refused, unseen = foretold("its reason")
    effects = tuple(
        Effect(Address("", "httpd.route", f"shop {n}", "read_timeout"), Duration(300), Duration(60), False)
        for n in range(9)
    )
    many = msgspec.structs.replace(whole, proposal=msgspec.structs.replace(whole.proposal, effects=effects))
    text = what_if.show_what_if((many, refused, unseen), Style())
    assert "6 alike; --verbose lists them" in text
    assert "6 alike" not in what_if.show_what_if((many,), Style(verbose=True))
    assert "BootMode  at most: any → 5" in text
    assert "BootMode  locked: its reason" in text
    assert "hidden or shown: not decided" in text
    assert "BootMode, its value: its reason" in text
    assert "It takes: reboot" in text
    assert """auditor plan --set 'web1/ilo:ilo.bios["its reason"].BootMode=Uefi'""" in text
    assert text.count("auditor plan") == 1
    sure = msgspec.structs.replace(whole, proposal=msgspec.structs.replace(whole.proposal, effects=(), undecided=()))
    assert "Nothing else is known to change." in what_if.show_what_if((sure,), Style())
    assert "Nothing else changes." in what_if.show_what_if((msgspec.structs.replace(sure, gaps=()),), Style())
