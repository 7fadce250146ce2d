"""Sealing: twice is once, lines stay, and nothing but secrets changes."""

from __future__ import annotations

import re
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.secret import Sealer
from auditor.surfaces.httpd import secrets
from auditor.surfaces.httpd.clues import HASHED, SECRET
from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.secrets import learn, seal_password_file, seal_text

SEALER = Sealer(b"one key of the tests")
PIECES = [
    *("AuthLDAPBindPassword", "ProxyPass", "secret=", "password", "token:", "SetEnv", "RequestHeader set", "Define"),
    *("Authorization", "KEY", "Use", "M", "<Macro M $a $b>", "</Macro>", "$a", "${X}", "X", "#", '"', "'", "\\"),
    *("\\\n", "\r\n", "\n", " ", "\t", "=", ":", "@", "http://u:", "://", "Basic ", "abcdef", "hunter22", "\xe9", "\0"),
    *(">", "<Proxy", "auditor-secret:", SEALER.seal(b"x"), "%{HTTP:X-Token} == ", "DBDParams", "pass=", ",", ";", "&"),
    *("exec:", "{SHA}", "a:"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join).map(lambda text: text.encode("latin-1"))


@given(TEXTS)
def test_sealing_twice_is_sealing_once(content: bytes) -> None:
    once = seal_text(content, SEALER, learn([content]))
    assert seal_text(once, SEALER, learn([once])) == once
    assert seal_text(once, SEALER, learn([content])) == once


@given(TEXTS)
def test_sealing_keeps_lines_and_names(content: bytes) -> None:
    before, after = read_lines(content), read_lines(seal_text(content, SEALER, learn([content])))
    assert [(one.line, one.last_line) for one in before] == [(one.line, one.last_line) for one in after]
    assert [one.comment for one in before] == [one.comment for one in after]


@given(TEXTS)
def test_password_files_are_sealed_once(content: bytes) -> None:
    once = seal_password_file(content, SEALER)
    assert seal_password_file(once, SEALER) == once


SPLIT = st.lists(
    st.sampled_from([*PIECES, "SEC", "RET", "pass", "wd ", "key ", " s3cretvalue", "cook", "ie: ", "Use m ", "${x}"]),
    max_size=24,
).map(lambda pieces: "".join(pieces).encode("latin-1"))


@given(SPLIT, SPLIT)
def test_the_quick_look_at_a_file_misses_nothing(content: bytes, other: bytes) -> None:
    known = learn([content, other])
    quick = seal_text(content, SEALER, known)
    with (
        mock.patch.object(secrets, "clues", return_value=SECRET | HASHED),
        mock.patch.object(secrets, "HINT", re.compile("")),
    ):
        assert seal_text(content, SEALER, known) == quick
