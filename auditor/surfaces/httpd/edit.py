"""Edits of whole lines of one file, made twice and refused unless both ways agree.

Once by splicing bytes, once through the grammar's tree: what the second does not understand is not touched.
"""

from __future__ import annotations

from auditor.errors import RefusedError
from auditor.surfaces.httpd.lines import read_lines
from auditor.surfaces.httpd.pairing import pair

_UNTOUCHED = "Nothing was changed."


def find_span(content: bytes, line: int, last_line: int, file: str = "") -> tuple[int, int]:
    """The byte offsets between which the physical lines ``line`` to ``last_line`` stand, line ends included.

    One-based; ``last_line`` = ``line`` - 1 is the empty place in front of ``line``, which may be just behind the last.

    Errors:
        RefusedError: the file has no such lines, or one of them is only a part of a continued line.
    """
    lines = read_lines(content)
    count = content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
    if lines and last_line == lines[-1].last_line:
        last_line = max(line - 1, min(last_line, count))  # httpd counts on where a backslash ends the file
    if not (1 <= line <= count + 1 and line - 1 <= last_line <= max(count, line - 1)):
        raise refused(f"the file has {count} lines, not lines {line} to {last_line}", file, line)
    starts = {one.line: one.start for one in lines} | {count + 1: len(content)}
    ends = {min(one.last_line, count): one.end for one in lines} | {0: 0}
    if line not in starts or (last_line >= line and last_line not in ends):
        raise refused("the lines begin or end in the middle of a continued line", file, line)
    return starts[line], ends[last_line] if last_line >= line else starts[line]


def edit_directive(content: bytes, line: int, last_line: int, new_line: bytes, file: str = "") -> bytes:
    """The file with the physical lines ``line`` to ``last_line`` replaced by ``new_line``, line ends included.

    An empty ``new_line`` removes them; ``last_line`` = ``line`` - 1 inserts in front of ``line``. Every byte outside
    is as before, and so is every other line as httpd reads it.

    Errors:
        RefusedError: there are no such lines; the new text runs into the lines around it; or the grammar does not
            make the same of it, as where a section would be torn apart. Names ``file`` and the line.
    """
    from auditor.surfaces.httpd.tree import ConfigTree, TreeError

    start, end = find_span(content, line, last_line, file)
    if start == len(content) and content and not content.endswith(b"\n") and new_line:
        raise refused("the file's last line has no line end, so nothing can stand behind it", file, line)
    spliced = content[:start] + new_line + content[end:]
    _check_around(content, spliced, start, end, len(new_line), file, line)
    first, last, added = _behind_the_end(content, start, end, new_line)
    _check_sections(content, spliced, first, last, len(added), file, line)
    try:
        tree = ConfigTree(content)
        tree.replace(first, last, added)
        through_tree = tree.dump()
        ConfigTree(spliced)
    except TreeError as error:
        raise refused(f"the edit cannot be proven: {error}", file, line) from error
    if through_tree != spliced:
        raise refused("the edit by bytes and the edit through the grammar do not agree", file, line)
    return spliced


def _behind_the_end(content: bytes, start: int, end: int, new: bytes) -> tuple[int, int, bytes]:
    """What the edit adds to, or takes from, the end of a file whose last line has no line end; else the edit itself.

    The grammar knows whole siblings, and the last line may be a section's end.
    """
    old = content[start:end]
    ends = (b"\n", b"\r\n")
    if end == len(content) and new.startswith(old) and new[len(old) :].startswith(ends):
        return end, end, new[len(old) :]
    if end == len(content) and new and old.startswith(new) and old[len(new) :].startswith(ends):
        return start + len(new), end, b""
    return start, end, new


def _check_around(old: bytes, new: bytes, start: int, end: int, added: int, file: str, line: int) -> None:
    """Refuses where httpd would read a line outside of the edit otherwise than before."""
    before, after = read_lines(old), read_lines(new)
    shift = added - (end - start)
    head = [one.text for one in before if one.end <= start]
    tail = [one.text for one in before if one.start >= end]
    new_head = [one.text for one in after if one.end <= start]
    new_tail = [one.text for one in after if one.start >= end + shift]
    boundary = start + added
    torn = any(one.start < start < one.end or one.start < boundary < one.end for one in after)
    if torn or head != new_head or tail != new_tail:
        raise refused(
            "the new text runs into the lines around it (a missing line end, or a backslash at its end)", file, line
        )


def _check_sections(old: bytes, new: bytes, start: int, end: int, added: int, file: str, line: int) -> None:
    """Refuses where a half of a section would go, come, or belong to another one than before."""
    if (start, end) == (0, len(old)):
        return  # nothing is around it
    halves = _halves(old)
    if any(start <= place < end for place in halves):
        raise refused(
            "a section starts or ends there whose other half is not in this file (or not in this macro)", file, line
        )
    shift = added - (end - start)
    if [place + shift if place >= end else place for place in halves] != _halves(new):
        raise refused("the sections around the new text would begin or end elsewhere", file, line)


def _halves(content: bytes) -> list[int]:
    """Where sections start or end whose other half is elsewhere, in bytes, in order."""
    lines = read_lines(content)
    lone = pair(lines, content.decode("latin-1")).halves
    return [one.start for one in lines if one.line in lone]


def refused(what: str, file: str, line: int) -> RefusedError:
    """The error that says what cannot be done at a line, and that nothing was changed."""
    return RefusedError(what, where=f"{file}:{line}" if file else f"line {line}", untouched=_UNTOUCHED)
