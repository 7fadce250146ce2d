"""What a plan shows of its steps."""

from __future__ import annotations

from auditor.cli.forms.steps import step_lines
from auditor.model.plan import DirectiveEdit, RedfishCreate, RedfishDelete, SecretFrom, Step
from auditor.report.messages import Words
from tests.fakes.trees import file_step, link_step, whole


def shown(step: object, lang: str = "en") -> str:
    return "\n".join(step_lines(step, Words(lang)))  # type: ignore[arg-type]


def test_a_whole_file_is_shown_as_what_differs() -> None:
    lines = "".join(f"Define v{number}\n" for number in range(20))
    before, after = whole(lines, 0o640, 12), whole(lines.replace("v9", "caf\xc3\xa9\x1b"), 0o644, 12)
    text = shown(file_step("conf.d/a.conf", before, after))
    assert "conf.d/a.conf" in text
    assert "0640 12:12 → 0644 12:12" in text
    assert "- Define v9\n" in text
    assert "+ Define café\\x1b" in text
    assert "Define v7" in text
    assert "Define v2" not in text
    assert "\x1b" not in text
    created, deleted = shown(file_step("a", None, after)), shown(file_step("a", before, None))
    assert "a new file, 0644 12:12" in created
    assert created.count("+ Define") == 20
    assert "is deleted" in deleted
    assert deleted.count("- Define") == 20
    assert "byte for byte, with mode and owner" in deleted


def test_lines_that_are_put_in_stand_at_the_line_that_they_go_ahead_of() -> None:
    put_in = DirectiveEdit("a.conf", 2, 1, "", "Timeout 60\n")
    changed = DirectiveEdit("a.conf", 2, 3, "Timeout 60\n# 1\n", "Timeout 50\n")
    assert "a.conf:2 " in shown(Step("1", "why", put_in, changed, "reload", (), ()))
    assert "a.conf:2-3 " in shown(Step("1", "why", changed, put_in, "reload", (), ()))


def test_a_link_is_shown_with_where_it_leads() -> None:
    text = shown(link_step("sites-enabled/a.conf", "../old\n.conf", "../new.conf"))
    assert "- → ../old" in text
    assert "+ → ../new.conf" in text
    assert "\n.conf" not in text


def test_the_way_back_of_what_is_made_and_of_what_goes_is_told_as_it_is() -> None:
    """Neither has values of before: the one is removed, the other is made again, maybe with a secret."""
    said = (("/SecurityName", '"noc"'),)
    made = RedfishCreate("/users", said, (SecretFrom("/AuthPassphrase", "env:NOC_AUTH"),))
    gone = RedfishDelete("/users", said, "/users/1")
    text = shown(Step("1", "why", made, gone, "none", (), ()))
    assert "back: it is removed" in text
    text = shown(Step("1", "why", gone, made, "none", (), ()))
    assert "back: it is made again as it was" in text
    assert "/AuthPassphrase: a secret from env:NOC_AUTH" in text
