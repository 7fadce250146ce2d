"""Within which time a change has to be confirmed, as people write it."""

from __future__ import annotations

import pytest

from auditor.cli.commands.apply import seconds_of
from auditor.errors import InputError


@pytest.mark.parametrize(("text", "seconds"), [("", 0), ("30s", 30), ("10m", 600), ("2h", 7200), ("168h", 604_800)])
def test_seconds_minutes_and_hours(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["29s", "0m", "169h", "10", "m", "10 m", "-10m", "1.5h", "10d", "９０s", "9999999s"])
def test_what_is_no_time_that_can_be_kept_is_an_error_that_shows_one(text: str) -> None:
    with pytest.raises(InputError, match=r"Write {2}30s, 10m or 2h"):
        seconds_of(text)
