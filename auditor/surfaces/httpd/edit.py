"""Edits of whole lines of one file, made twice and refused unless both ways agree.

Once by splicing bytes, once through the grammar's tree: what the second does not understand is not touched.
"""

from __future__ import annotations

from auditor.errors import RefusedError
from auditor.surfaces.httpd.lines import read_lines

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
        raise _refused(f"the file has {count} lines, not lines {line} to {last_line}", file, line)
    starts = {one.line: one.start for one in lines} | {count + 1: len(content)}
    ends = {min(one.last_line, count): one.end for one in lines} | {0: 0}
    if line not in starts or (last_line >= line and last_line not in ends):
        raise _refused("the lines begin or end in the middle of a continued line", file, line)
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
        raise _refused("the file's last line has no line end, so nothing can stand behind it", file, line)
    spliced = content[:start] + new_line + content[end:]
    _check_around(content, spliced, start, end, len(new_line), file, line)
    try:
        tree = ConfigTree(content)
        tree.replace(start, end, new_line)
        through_tree = tree.dump()
        ConfigTree(spliced)
    except TreeError as error:
        raise _refused(f"the edit cannot be proven: {error}", file, line) from error
    if through_tree != spliced:
        raise _refused("the edit by bytes and the edit through the grammar do not agree", file, line)
    return spliced


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
        raise _refused(
            "the new text runs into the lines around it (a missing line end, or a backslash at its end)", file, line
        )


def _refused(what: str, file: str, line: int) -> RefusedError:
    return RefusedError(what, where=f"{file}:{line}" if file else f"line {line}", untouched=_UNTOUCHED)
