"""Operations on a file change one directive and nothing else, and taken back they give the same bytes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit
from auditor.surfaces.httpd import operations
from auditor.surfaces.httpd.lines import LogicalLine, read_lines
from auditor.surfaces.httpd.operations import carry_out, undone
from auditor.surfaces.httpd.pairing import pair
from auditor.surfaces.httpd.places import places
from auditor.surfaces.httpd.words import split_words
from tests.fakes.odd_files import ENCODED, every_file, plain_files, with_line_ends

VALUES = ("7", "two words", 'a"quote', "hash # it", "back\\slash", "ends in \x83\x5c", "\x95\x5c", "caf\xe9", "a>b", "")
TEXTS = ("Timeout 7", "SetEnv added 'a # b'", "# a comment", "Header set X \x83\x5cx")
Read = list[tuple[str, str]]
Outcome = tuple[bytes, DirectiveEdit, Callable[[Read, Read], bool]]


def reading(content: bytes) -> Read:
    """The directives of a file as httpd's lines hold them."""
    return [(one.name, one.arguments) for one in read_lines(content) if one.name]


def chosen(content: bytes, chance: random.Random, *, sections: bool = True) -> LogicalLine | None:
    """A directive of the file; no end of a section."""
    found = [one for one in read_lines(content) if one.name and one.name[:2] != "</"]
    return chance.choice([one for one in found if sections or one.name[0] != "<"] or [None])  # type: ignore[list-item]


def removed(count: int) -> Callable[[Read, Read], bool]:
    """Whether the later reading is the earlier one without one stretch of that many directives."""

    def check(before: Read, after: Read) -> bool:
        return any(before[:at] + before[at + count :] == after for at in range(len(before) - count + 1))

    return check


def inserted(text: str) -> Callable[[Read, Read], bool]:
    """Whether the later reading has one directive more, and which."""
    name, _, arguments = text.partition(" ")

    def check(before: Read, after: Read) -> bool:
        if text.startswith("#"):
            return before == after
        return any(
            after[at] == (name, arguments) and after[:at] + after[at + 1 :] == before for at in range(len(after))
        )

    return check


def reworded(wanted: Sequence[str]) -> Callable[[Read, Read], bool]:
    """Whether one directive at most has other arguments, and the wanted ones."""

    def check(before: Read, after: Read) -> bool:
        if len(before) != len(after):
            return False
        differ = [new for old, new in zip(before, after, strict=True) if old != new]
        return len(differ) <= 1 and all(split_words(arguments.rsplit(">", 1)[0] if name[0] == "<" else arguments)
                                        == tuple(wanted) for name, arguments in differ)  # fmt: skip

    return check


def size(content: bytes, one: LogicalLine) -> int:
    """How many directives stand from a line to the end of the section that it starts."""
    end = pair(read_lines(content), content.decode("latin-1")).ends.get(one.line, one)
    return sum(bool(line.name) for line in read_lines(content[one.start : end.end]))


def word(content: bytes, chance: random.Random) -> Outcome | None:
    one = chosen(content, chance)
    if one is None:
        return None
    words = [place.text for place in places(content[one.start : one.end].decode("latin-1"))]
    index, value = chance.randrange(max(len(words) - 1, 1)), chance.choice(VALUES)
    edit = operations.change_word(content, one.line, index, value, "x.conf")
    return content, edit, reworded([*words[1 : index + 1], value, *words[index + 2 :]])


def parameter(content: bytes, chance: random.Random) -> Outcome | None:
    one = chosen(content, chance, sections=False)
    if one is None:
        return None
    words = list(split_words(one.arguments))
    found = [index for index, text in enumerate(words) if text.lower().startswith("timeout=")]
    words[found[-1] if found else len(words) :][:1] = []
    wanted = [*words, "timeout=7"] if not found else [*words[: found[-1]], "timeout=7", *words[found[-1] + 1 :]]
    if found:
        wanted[found[-1]] = f"{words[found[-1]][: len('timeout=')]}7"
    return content, operations.change_parameter(content, one.line, "timeout", "7", "x.conf"), reworded(wanted)


def arguments(content: bytes, chance: random.Random) -> Outcome | None:
    one = chosen(content, chance, sections=False)
    if one is None:
        return None
    text = chance.choice(("7", f"{one.arguments} more".strip(), '"a b" c', 'x "y \x83\x5c\x5c"'))
    return content, operations.change_arguments(content, one.line, text, file="x.conf"), reworded(split_words(text))


def remove(content: bytes, chance: random.Random) -> Outcome | None:
    one = chosen(content, chance)
    return one and (content, operations.remove(content, one.line, "x.conf"), removed(size(content, one)))


def comment_out(content: bytes, chance: random.Random) -> Outcome | None:
    one = chosen(content, chance)
    return one and (content, operations.comment_out(content, one.line, "x.conf"), removed(size(content, one)))


def insert(content: bytes, chance: random.Random) -> Outcome | None:
    one = chosen(content, chance)
    text = chance.choice(TEXTS)
    if one is None:
        return content, operations.append(content, text, "x.conf"), inserted(text)
    makers = [operations.insert_before, operations.insert_after]
    if one.name[0] == "<":
        makers = [operations.insert_first, operations.insert_last, operations.insert_after]
    return content, chance.choice(makers)(content, one.line, text, "x.conf"), inserted(text)


def append(content: bytes, chance: random.Random) -> Outcome | None:
    text = chance.choice(TEXTS)
    return content, operations.append(content, text, "x.conf"), inserted(text)


OPERATIONS = (word, parameter, arguments, remove, comment_out, insert, append)


def check(outcome: Outcome) -> None:
    """Only the edit's lines changed, httpd reads what was asked for and nothing else, and undone it is as before."""
    content, edit, as_asked = outcome
    lines = content.split(b"\n")
    head = b"\n".join(lines[: edit.line - 1]) + (b"\n" if edit.line > 1 else b"")
    before = edit.before.encode("latin-1")
    assert content[len(head) :].startswith(before)
    tail = content[len(head) + len(before) :]
    after = carry_out(content, edit)
    assert after == head + edit.after.encode("latin-1") + tail
    assert as_asked(reading(content), reading(after)), (edit, reading(content), reading(after))
    assert carry_out(after, undone(edit)) == content


def reason(error: RefusedError) -> str:
    """A refusal without what is particular to its file."""
    assert error.where is not None
    assert error.where.startswith("x.conf:")
    assert "Nothing was changed" in str(error)
    return error.what.split(": ", 1)[-1]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.__name__)
def test_nearly_every_operation_on_the_corpus_is_done_and_does_what_it_says(operation: Callable[..., Outcome]) -> None:
    chance = random.Random(operation.__name__)
    found: Counter[str] = Counter()
    for content in every_file(1):
        try:
            outcome = operation(content, chance)
            if outcome is None:
                found["nothing to do"] += 1
                continue
            check(outcome)
        except RefusedError as error:
            found[f"refused: {reason(error)}"] += 1
        else:
            found["done"] += 1
    tried = found.total() - found["nothing to do"]
    assert tried > 0.9 * len(plain_files())
    assert found["done"] >= 0.95 * tried, found


@given(st.data())
def test_any_operation_on_any_lines_is_done_exactly_or_refused(data: st.DataObject) -> None:
    pieces = [
        b"A 1\n", b"<L /x>\n", b"</L>\n", b"# c\n", b"\n", b"B \\\n 2\n", b"  C 3\r\n", b'D "4 x"\n', b"# \x95\x5c\n",
        b"E \x83\x5c\r\n", b"<Macro m $p>\n", b"</Macro>\n", b"Use m 1\n", b"F a\0b\\\n", b"G \xe9\xa0\n", b"<If x>\n",
        b"</If> y\n", b"\tH c:\\\\\n", b"I 5 timeout=3 \\\r\n\ttimeout=4\r\n",
    ]  # fmt: skip
    content = b"".join(data.draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=10)))
    content = with_line_ends(content, data.draw(st.sampled_from(("lf", "crlf", "mixed", "open"))), random.Random(1))
    operation, chance = data.draw(st.sampled_from(OPERATIONS)), data.draw(st.randoms(use_true_random=False))
    try:
        outcome = operation(content, chance)
    except RefusedError as error:
        event(f"refused: {reason(error)}")
        return
    event("nothing to do" if outcome is None else "done")
    if outcome is not None:
        check(outcome)


def test_the_corpus_holds_every_encoding_and_line_end() -> None:
    files = list(every_file(1))
    assert len(files) == len(plain_files()) > 250
    assert sum(b"\r\n" in one for one in files) > 100
    assert sum(not one.endswith(b"\n") for one in files) > 100
    for encoding, (comment, _) in ENCODED.items():
        assert sum(comment.encode(encoding) in one for one in files) > 20, encoding
    assert sum(b"\x94\x5c\n" in one or b"\x94\x5c\r\n" in one for one in files) > 20, "lines that end in byte 5C"
