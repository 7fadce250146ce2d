from __future__ import annotations

import pytest

from auditor.policy.versions import compare_versions


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2.4.6", "2.4.62"),
        ("2.4.9", "2.4.10"),
        ("2.4.6", "2.4.6-99.el7"),
        ("2.4", "2.4.1"),
        ("iLO 5 v1.37", "iLO 5 v1.40"),
        ("iLO 5 v2.78 Jan 12 2022", "iLO 5 v2.90"),
        ("U46 v1.22 (03/14/2019)", "U46 v2.34 (04/08/2020)"),
        ("1.13.00 Jan 02 2025", "1.14.00 May 28 2025"),
        ("05/21/2018", "01/01/2019"),
        ("2018-05-21", "01/01/2019"),
    ],
)
def test_older_and_newer(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [("2.78", "v2.78"), ("U46 v2.34 (04/08/2020)", "U46 v2.34"), ("2.4.0", "2.4"), ("HPG7", "HPG7")],
)
def test_the_same(left: str, right: str) -> None:
    assert compare_versions(left, right) == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("U46 v2.34", "U30 v2.34"),
        ("iLO 5 v2.78", "iLO 6 v1.66"),
        ("HPG7", "HPG8"),
        ("2.4.6-97.el7", "2.4.6-99.el7"),
        ("1.2.3a", "1.2.3"),
        ("05/21/2018", "2.78"),
        ("", "2.78"),
    ],
)
def test_no_plain_order_is_said_and_not_guessed(left: str, right: str) -> None:
    assert compare_versions(left, right) is None
    assert compare_versions(right, left) is None
