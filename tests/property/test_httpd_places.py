"""Words have the places of their bytes, and are written so that httpd reads them back."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.places import encoded, joined, places
from auditor.surfaces.httpd.words import BLANKS, next_word, split_words

PIECES = [
    "a",
    "b",
    '"',
    "'",
    "\\",
    " ",
    "\t",
    "#",
    "=",
    "\x95\x5c",
    "\n",
    "\r\n",
    "\\\n",
    "\\\r\n",
    "\0",
    "\xe9",
    "<",
    ">",
]
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join)


@given(texts)
@example('a " ')
@example("a b\\\\\n\nc")
def test_the_words_of_a_line_are_those_that_httpd_reads_each_in_its_place(text: str) -> None:
    one = read_lines(text.encode("latin-1"))[0]
    raw = text[one.start : one.end]
    assert joined(raw)[0].strip(BLANKS) == one.text
    if not one.name or one.name.startswith("<"):
        return
    found = places(raw)
    assert tuple(word.text for word in found[1:]) == split_words(one.arguments)
    for word in found:
        alone = places(f"x {raw[word.start : word.end]}")[1]
        assert (alone.text, alone.quote) == (word.text, word.quote)
        assert word.start <= word.inner <= word.inner_end <= word.end
        assert joined(raw[word.start : word.inner])[0] == word.quote  # a line may end behind the quote


@given(st.text("ab\"'\\ \t#=\x95>", max_size=8), st.sampled_from(["", '"', "'"]))
def test_a_written_word_is_read_back_and_never_ends_in_a_backslash(value: str, quote: str) -> None:
    written = encoded(value, quote)
    assert next_word(f"{written} z") == (value, "z")
    assert not written.endswith("\\")
    assert written.startswith(quote)
