from __future__ import annotations

import pytest

from auditor.errors import InputError
from auditor.policy.document import load_document


def _error(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_document("own.yaml", text if isinstance(text, bytes) else text.encode())
    return str(caught.value)


def test_scalars_keep_their_text_and_yaml_1_2_decides_what_they_are() -> None:
    root = load_document("f", b"a: 2.10\nb: on\nc: true\nd: '60'\ne: 60\nf: ~\n")
    values = {key: (item.text, item.scalar) for key, item in root.members or ()}
    assert values == {
        "a": ("2.10", 2.1),
        "b": ("on", "on"),
        "c": ("true", True),
        "d": ("60", "60"),
        "e": ("60", 60),
        "f": ("~", None),
    }


def test_every_item_knows_its_place_and_path() -> None:
    root = load_document("f", b"rules:\n  - id: X\n    refs: [one, two]\n")
    rules = root.get("rules")
    assert rules is not None
    assert rules.items is not None
    refs = rules.items[0].get("refs")
    assert refs is not None
    assert refs.items is not None
    assert (str(refs.items[1].place), refs.items[1].place.path) == ("f:3:17", "rules[0].refs[1]")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: self.x > self.y\n", 1, 13),
        ("a: 'self.x > self.y'\n", 1, 14),
        ("a: >-\n  self.x >\n  self.y\n", 3, 3),
        ("a: |\n  self.x\n  > self.y\n", 3, 5),
    ],
)
def test_a_place_inside_a_scalar_is_found_however_it_is_written(text: str, line: int, column: int) -> None:
    item = load_document("f", text.encode()).get("a")
    assert item is not None
    assert item.text is not None
    place = item.inside(item.text.rindex("self"))
    assert (place.line, place.column) == (line, column)


def test_duplicate_keys_are_all_named() -> None:
    message = _error("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n")
    assert "own.yaml:2:1: 'a' stands twice" in message
    assert "own.yaml:5:3: b: 'c' stands twice" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("a: [1, 2\n", "own.yaml:2:1: not valid YAML"),
        (b"a: \xff\n", "own.yaml:1: the file is not UTF-8"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system [id]\n", "the tag"),
        ("a: !secret x\n", "the tag '!secret' is not known"),
        ("[" * 60 + "]" * 60, "nested deeper than 30"),
        ("? [a]\n: 1\n", "a key must be text"),
        ("a: &x\n  b: *x\n", "aliases make the document too large"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str | bytes, expected: str) -> None:
    assert expected in _error(text)


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "aliases make the document too large" in _error("\n".join(lines))


def test_an_oversized_file_is_refused_unread() -> None:
    assert "at most 2,000,000 are read" in _error(b"a" * 2_000_001)
