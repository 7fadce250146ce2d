"""A distribution's shell files, read without a shell."""

from __future__ import annotations

import pytest

from auditor.surfaces.httpd.envvars import command_line_defines, debian_start, shell_variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nexport B=2 # why\n", {"A": "1", "B": "2"}),
        ("export A='$B' C=\"x y\"\n", {"A": "$B"}),
        ('D=/var\nE=${D}/log$D\nF="${D:-none} ${G:-else}"\n', {"D": "/var", "E": "/var/log/var", "F": "/var else"}),
        ("A=$(hostname)\nB=`id`\nC=ok\n", {"C": "ok"}),
        ("if [ -n x ]; then\nA=1\nfi\nB=2\n", {"B": "2"}),
        ("#A=1\nexport A\n  A=3\n", {"A": "3"}),
        ("A=\n", {"A": ""}),
    ],
)
def test_assignments(text: str, expected: dict[str, str]) -> None:
    found = shell_variables(text.encode())
    assert {name: found.get(name) for name in expected} == expected
    assert "B" not in found or "B" in expected


def test_debians_suffix_comes_from_the_trees_name() -> None:
    text = b"export APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n"
    assert shell_variables(text, debian_start("/etc/apache2"))["APACHE_LOG_DIR"] == "/var/log/apache2"
    assert shell_variables(text, debian_start("/etc/apache2-blue"))["APACHE_LOG_DIR"] == "/var/log/apache2-blue"


def test_names_given_on_the_command_line() -> None:
    assert command_line_defines("-DBLUE -D GREEN=1 -k start -DBLUE") == ("BLUE", "GREEN=1")
