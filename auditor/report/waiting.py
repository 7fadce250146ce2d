"""What is set and not yet effective, in words, so that no report lets it look as if it were."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.model.snapshot import Waiting
from auditor.model.value import Undetermined, Value
from auditor.report.escape import one_line, visible
from auditor.report.layout import entry
from auditor.report.messages import Words
from auditor.report.outline import attribute_text, source_text, value_text


def waiting_block(found: Iterable[tuple[str, Waiting]], words: Words, indent: int = 2) -> list[str]:
    """A title and a line for each: the value in effect, the one that waits, and for what. Nothing where nothing waits.

    ``found`` are settings with the target to name in front, empty for none.
    """
    lines = [_line(target, one, words, indent) for target, one in found]
    return [" " * (indent - 2) + words("waiting.title"), *lines] if lines else []


def _line(target: str, one: Waiting, words: Words, indent: int) -> str:
    place = source_text(one.source)
    label = f"{visible(target)}  {place}".strip() if target else place
    text = f"{waiting_name(one)}: {waiting_text(one, words)}"
    return entry(label, text, indent)


def waiting_name(one: Waiting) -> str:
    """``ilo.bios 1  BootMode``; without the attribute where it is not said which one waits."""
    name = f"{one_line(one.address.kind)} {one_line(one.address.name)}"
    return name if one.then is None else f"{name}  {attribute_text(one.address.attribute)}"


def waiting_text(one: Waiting, words: Words) -> str:
    """``LegacyBios now, Uefi after the next reboot``."""
    until = words(f"disruption.{one.until}")
    if one.then is None:
        return words("waiting.untold", until=until)
    now, then = _value_text(one.now, words), _value_text(one.then, words)
    return words("waiting.by_itself" if one.until == "none" else "waiting.value", now=now, then=then, until=until)


def waiting_for(one: Waiting, words: Words) -> str:
    """Beside a value that differs: ``set, but not yet effective: Uefi after the next reboot``."""
    then = _value_text(one.then, words)
    key = "waiting.change_by_itself" if one.until == "none" else "waiting.change"
    return words(key, then=then, until=words(f"disruption.{one.until}"))


def _value_text(value: Value | None, words: Words) -> str:
    return value_text(None if isinstance(value, Undetermined) else value, words("waiting.unreadable"))
