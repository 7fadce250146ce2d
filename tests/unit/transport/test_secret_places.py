"""Where secrets are read from, and that no error holds one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import SecretFrom
from auditor.model.secret import Sealer, is_place
from auditor.transport.secret_places import is_missing, read_secret, reveal

SEALER = Sealer(b"k" * 32)
PHRASE = "hunter2 hunter2"


def file_with(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return f"file:{path}"


def test_a_variable_and_a_file_of_one_line_give_their_secret(tmp_path: Path) -> None:
    assert read_secret("env:PHRASE", {"PHRASE": PHRASE}) == PHRASE
    for end in (b"", b"\n", b"\r\n"):
        assert read_secret(file_with(tmp_path, PHRASE.encode() + end), {}) == PHRASE


@pytest.mark.parametrize("text", ["PHRASE", "env:", "env:A-B", "env:A B", "file:secret", "file:/a\nb", "http://x/", ""])
def test_nothing_else_is_a_place(text: str) -> None:
    assert not is_place(text)
    with pytest.raises(RefusedError, match="comes from"):
        read_secret(text, {"A": PHRASE})


def test_what_others_can_read_or_what_is_no_line_of_text_is_refused(tmp_path: Path) -> None:
    text = PHRASE.encode()
    for content, mode, why in (
        (text, 0o640, "open to others"),
        (text, 0o604, "open to others"),
        (b"", 0o600, "no single line"),
        (text + b"\n" + text, 0o600, "no single line"),
        (text + b"\0", 0o600, "no single line"),
        (text + b"\xff", 0o600, "no text"),
        (text * 1000, 0o600, "larger than"),
        (SEALER.seal(text).encode(), 0o600, "keyed digest"),
    ):
        with pytest.raises(RefusedError, match=why) as caught:
            read_secret(file_with(tmp_path, content, mode), {})
        assert "hunter2" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RefusedError, match="it is a symbolic link"):
        read_secret(f"file:{link}", {})
    for name in ("pipe", "nothing", ""):
        with pytest.raises(RefusedError):
            read_secret(f"file:{tmp_path}/{name}", {})
    for environment in ({}, {"PHRASE": ""}):
        with pytest.raises(RefusedError, match="PHRASE is not set in the environment, or is empty"):
            read_secret("env:PHRASE", environment)
    with pytest.raises(RefusedError, match="no single line"):
        read_secret("env:PHRASE", {"PHRASE": "half \udcc3"})


def test_only_the_secret_that_was_reviewed_is_revealed() -> None:
    reviewed = SecretFrom("/AuthPassphrase", "env:PHRASE", SEALER.seal(PHRASE.encode()))
    assert reveal(reviewed, {"PHRASE": PHRASE}, SEALER) == PHRASE
    for other in ("another phrase", reviewed.digest):
        with pytest.raises(RefusedError) as caught:
            reveal(reviewed, {"PHRASE": other}, SEALER)
        assert other not in str(caught.value)
    assert reveal(SecretFrom("/AuthPassphrase", "env:PHRASE"), {"PHRASE": "another"}, SEALER) == "another"


def test_a_place_is_missing_where_nothing_at_all_is_there(tmp_path: Path) -> None:
    assert is_missing("env:A", {})
    assert not is_missing("env:A", {"A": "b"})
    assert is_missing(f"file:{tmp_path}/none", {})
    assert not is_missing(f"file:{tmp_path}", {})
