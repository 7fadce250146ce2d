"""Words as ap_getword_conf takes them apart."""

from __future__ import annotations

import pytest

from auditor.surfaces.httpd.words import as_latin, as_path, readable, split_words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", ()),
        ("/a  http://b\ttimeout=5", ("/a", "http://b", "timeout=5")),
        ('"two words" x', ("two words", "x")),
        ("'single \"inside\"' x", ('single "inside"', "x")),
        (r'"say \"hi\" \n \\"', (r'say "hi" \n \ '.rstrip(),)),
        ('"closed"right behind', ("closed", "right", "behind")),
        ('"never closed', ("never closed",)),
        (r"back\\slash \d", (r"back\slash", r"\d")),
        ('mid"quote x', ('mid"quote', "x")),
        ('"" x', ("", "x")),
        ("a\xa0b c", ("a\xa0b", "c")),
    ],
)
def test_words(arguments: str, words: tuple[str, ...]) -> None:
    assert split_words(arguments) == words


def test_bytes_survive_the_way_to_a_path_and_to_people() -> None:
    assert as_path(as_latin("conf.d/größe.conf")) == "conf.d/größe.conf"
    assert as_path("bad\xff").encode("utf-8", "surrogateescape") == b"bad\xff"
    assert readable(as_latin("日本")) == "日本"
    assert readable("\x83\x5c") == "\\x83\\"
