"""What a running process was started with, against what its check is run with."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest

from auditor.surfaces.httpd.carry_out.started import Started, started_of, unlike, used_defines, used_variables
from auditor.surfaces.httpd.carry_out.surroundings import Here
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import InterpretOptions
from tests.unit.surfaces.httpd.trees import collected


def test_a_process_tells_its_command_and_the_variables_asked_for_alone() -> None:
    given = {"PATH": os.environ["PATH"], "WORD": "a=b c", "LINES_": "x\ny", "WORDS": "other", "SECRET": "pl4nted"}
    with subprocess.Popen(["sleep", "60"], env=given) as process:
        try:
            found = asyncio.run(Here().started(process.pid, ("WORD", "LINES_", "GONE")))
        finally:
            process.kill()
    assert found == Started(("sleep", "60"), {"WORD": "a=b c", "LINES_": "x y", "GONE": ""})


@pytest.mark.parametrize("said", [b"", b"httpd\0-X\0\n=\nA=1\n", b"httpd"])
def test_half_an_answer_is_none(said: bytes) -> None:
    assert started_of(said, ("A",)) is None


def test_only_what_the_configuration_asks_for_counts() -> None:
    started = Started(("httpd", "-DTLS", "-D", "FOREGROUND", "-D", "UNUSED"), {"A": "1", "B": "", "C": "3"})
    checked = ["httpd", "-D", "FAR", "-D", "WITH=x"]
    found = unlike(started, checked, {"A": "1", "B": "2", "C": "4"}, frozenset({"TLS", "FAR", "FOREGROUND", "WITH"}))
    assert list(found) == ["-D TLS", "no -D FAR", "no -D WITH", "no B", "another C"]
    assert list(unlike(started, checked, {"A": "1", "C": "3"}, frozenset())) == []


def test_names_are_those_of_the_configuration() -> None:
    text = "Define HERE /srv\nDocumentRoot ${HERE}/${SITE}\n<IfDefine !TLS>\nTimeout ${WAIT}\n</IfDefine>\n"
    assert used_variables(resolve_collected(collected(text), InterpretOptions())) == ("SITE", "WAIT")
    assert used_defines([text.encode(), b'<ifdefine "FAR">']) == {"TLS", "FAR"}
