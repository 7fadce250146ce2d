"""Waves: every target once, in order, the last size repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.plan.waves import Waves

_SIZES = st.lists(
    st.one_of(st.integers(1, 40).map(str), st.integers(1, 100).map(lambda n: f"{n}%")), min_size=1, max_size=4
)


@given(count=st.integers(1, 200), sizes=_SIZES)
def test_every_target_has_one_wave_in_order(count: int, sizes: list[str]) -> None:
    targets = [f"web{number}" for number in range(count)]
    waves = Waves(tuple(sizes), 2, 5).of(targets)
    assert [target for wave in waves for target in wave.targets] == targets
    assert all(wave.targets and (wave.stop_after, wave.pause_s) == (2, 5) for wave in waves)
    assert len({wave.name for wave in waves}) == len(waves)


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [
        (("1", "100%"), [1, 9]),
        (("1", "25%"), [1, 3, 3, 3]),
        (("100%",), [10]),
        (("4",), [4, 4, 2]),
        (("1%",), [1] * 10),
    ],
)
def test_shares_are_of_all_targets_and_rounded_up(sizes: tuple[str, ...], lengths: list[int]) -> None:
    assert [len(wave.targets) for wave in Waves(sizes).of([str(number) for number in range(10)])] == lengths


@pytest.mark.parametrize("sizes", [("0",), ("101%",), ("ten",), ("",), ("-1",), ("1.5",), ("%",), ()])
def test_what_is_no_size_is_refused(sizes: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"size of a wave|neither a number"):
        Waves(sizes).of(["web1"])
