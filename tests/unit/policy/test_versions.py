from __future__ import annotations

import pytest

from auditor.policy.versions import compare_versions, same_version, why_no_order


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
        ("May 28 2018", "2018-05-29"),
        ("P89 (04/21/2016)", "P89 (10/16/2020)"),
        ("4.4.4.62", "4.4.4.300"),
        ("04.04.04.062", "4.4.4.300"),
        ("13.3.0 Build 23", "13.3.0 Build 37"),
        ("13.3.0 Build 37", "13.10.0 Build 2"),
        ("52.28.3-5681", "52.28.3-10000"),
        ("2.4.6-99", "2.4.7"),
        ("U46 v2.34 (03/11/2025)", "U46 v2.34 (05/01/2025)"),
        ("1.14.00 May 28 2025", "1.14.00 Jun 02 2025"),
        ("1.02", "1.10"),
    ],
)
def test_older_and_newer(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("2.78", "v2.78"),
        ("U46 v2.34 (04/08/2020)", "U46 v2.34"),
        ("2.4.0", "2.4"),
        ("HPG7", "HPG7"),
        ("0x15", "0x15"),
        ("1.66 Mar 12 2025", "1.66"),
        ("4.4.4.62", "04.04.04.062"),
    ],
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
        ("0x15", "0x16"),
        ("0x15", "21"),
        ("96.00.AF.00.02", "96.00.AE.00.02"),
        ("1.3 0", "1.3"),
        ("iLO 6 v1.66", "1.66 Mar 12 2025"),
        ("U46 v2.4", "U46 v2.34"),
        ("P89 (10/16/2020)", "P89 v2.80"),
        ("02/30/2020", "2020-03-01"),
        ("9" * 5000, "1"),
        ("1." * 100 + "1", "1"),
        ("\u0663.1", "2.0"),
        ("1.02", "1.2"),
        ("1.10", "1.3"),
        ("1.20", "1.2"),
        ("1.2.3-rc1", "1.2.3"),
        ("1.2.3-1~beta2", "1.2.3"),
    ],
)
def test_no_plain_order_is_said_and_not_guessed(left: str, right: str) -> None:
    assert compare_versions(left, right) is None
    assert compare_versions(right, left) is None


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("U46 v2.34", "U58 v2.44", "different families"),
        ("iLO 6 v1.66", "1.66 Mar 12 2025", "one names its family"),
        ("HPG7", "HPG8", "no known order"),
    ],
)
def test_why_there_is_no_order(left: str, right: str, said: str) -> None:
    assert said in why_no_order(left, right)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("U46 v2.34 (03/11/2025)", "U46 v2.34", True),
        ("U46 v2.34", "U58 v2.34", False),
        ("HPG7", "HPG8", False),
        ("U46 v2.34 (03/11/2025)", "U46 v2.34 (05/01/2025)", False),
        ("iLO 6 v1.66", "1.66 Mar 12 2025", None),
        ("iLO 6 v1.66", "1.67 Mar 12 2025", False),
    ],
)
def test_whether_two_versions_are_the_same(left: str, right: str, same: bool | None) -> None:
    assert same_version(left, right) is same
    assert same_version(right, left) is same
