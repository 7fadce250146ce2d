"""What can be done to one file: change a value, insert, remove, comment out. Pure, and proven before it is given.

Each operation names a directive by the line of its file on which it starts, and gives the edit, which changes that
directive and nothing else; :func:`undone` gives the edit that brings the same bytes back. A file's encoding does not
matter: text is latin-1, a character a byte.

Errors:
    RefusedError: of every operation: what is asked for cannot be written so that httpd reads it and nothing else
        otherwise, or the grammar does not understand the file there. Names file and line; nothing was changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from auditor.model.plan import DirectiveEdit
from auditor.surfaces.httpd import rewording
from auditor.surfaces.httpd.conditions import CONDITIONALS
from auditor.surfaces.httpd.edit import edit_directive, refused
from auditor.surfaces.httpd.lines import LogicalLine, read_lines
from auditor.surfaces.httpd.pairing import pair
from auditor.surfaces.httpd.rewording import WordingError, indentation, line_end, physical_lines
from auditor.surfaces.httpd.words import BLANKS

_TRANSPARENT: Final = frozenset(name.removeprefix("<") for name in CONDITIONALS)
"""Sections that are no scope of their own: what they hold stands where they stand."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def change_word(content: bytes, line: int, index: int, value: str, file: str = "") -> DirectiveEdit:
    """Another value for the argument of that index (0 is the first); quotes stay, or come where they are needed."""
    return _reworded(content, line, file, lambda raw: rewording.with_word(raw, index, value))


def change_parameter(content: bytes, line: int, key: str, value: str, file: str = "") -> DirectiveEdit:
    """Another value for the last argument ``key=…``, or such an argument at the end."""
    return _reworded(content, line, file, lambda raw: rewording.with_parameter(raw, key, value))


def drop_parameter(content: bytes, line: int, key: str, file: str = "") -> DirectiveEdit:
    """Takes every argument ``key=…`` out."""
    return _reworded(content, line, file, lambda raw: rewording.without_parameter(raw, key))


def change_arguments(
    content: bytes, line: int, arguments: str, now: str | None = None, file: str = ""
) -> DirectiveEdit:
    """Other arguments, quotes included; words that stay keep their bytes. See :mod:`.rewording` for ``now``."""
    return _reworded(content, line, file, lambda raw: rewording.with_arguments(raw, arguments, now))


def remove(content: bytes, line: int, file: str = "") -> DirectiveEdit:
    """Takes the directive out, with all that it holds where it starts a section."""
    lines = _Lines(content, file)
    one = lines.at(line)
    lines.refuse_lonely_else(one)
    return lines.edit(one.start, lines.closing(one).end, "")


def comment_out(content: bytes, line: int, file: str = "") -> DirectiveEdit:
    """Makes the directive a comment, with all that it holds where it starts a section: ``#`` before each line."""
    lines = _Lines(content, file)
    one = lines.at(line)
    lines.refuse_lonely_else(one)
    start, end = one.start, lines.closing(one).end
    try:
        return lines.edit(start, end, rewording.commented(lines.text[start:end]))
    except WordingError as error:
        raise refused(str(error), file, line) from error


def insert_before(content: bytes, line: int, text: str, file: str = "") -> DirectiveEdit:
    """A new line before the one that starts there, with its indentation and line end."""
    lines = _Lines(content, file)
    one = lines.at(line, blank=True)
    raw = lines.text[one.start : one.end]
    return lines.insert(one.start, text, indentation(raw), line)


def insert_after(content: bytes, line: int, text: str, file: str = "") -> DirectiveEdit:
    """A new line behind the one that starts there (behind the section's end, where it starts one), indented like it."""
    lines = _Lines(content, file)
    one = lines.at(line, blank=True)
    return lines.insert(lines.closing(one).end, text, indentation(lines.text[one.start : one.end]), line)


def insert_first(content: bytes, line: int, text: str, file: str = "") -> DirectiveEdit:
    """A new line at the head of the section that starts there."""
    lines = _Lines(content, file)
    one = lines.section(line)
    return lines.insert(one.end, text, lines.inner_indentation(one), line)


def insert_last(content: bytes, line: int, text: str, file: str = "") -> DirectiveEdit:
    """A new line at the end of the section that starts there."""
    lines = _Lines(content, file)
    one = lines.section(line)
    end = lines.pairs.ends.get(one.line)
    if end is None:
        raise refused("the section's end is not in this file (or not in this macro)", file, line)
    return lines.insert(end.start, text, lines.inner_indentation(one), line)


def append(content: bytes, text: str, file: str = "") -> DirectiveEdit:
    """A new line at the end of the file, or before the section that it leaves open: outside of every section."""
    lines = _Lines(content, file)
    if lines.pairs.left_open:
        return insert_before(content, lines.pairs.left_open, text, file)
    line = lines.lines[-1].line if lines.lines else 1
    return lines.insert(len(content), text, "", line)


def undone(edit: DirectiveEdit) -> DirectiveEdit:
    """The edit that brings back the same bytes, with line numbers of the file as ``edit`` leaves it."""
    count = len(physical_lines(edit.after))
    return DirectiveEdit(edit.file, edit.line, edit.line + count - 1, edit.after, edit.before, edit.links)


def carry_out(content: bytes, edit: DirectiveEdit) -> bytes:
    """The file with an edit done, where its lines are as the edit says.

    Errors:
        RefusedError: they are not, or the edit cannot be proven.
    """
    text = content.decode("latin-1")
    if "".join(physical_lines(text)[edit.line - 1 : edit.last_line]) != edit.before:
        raise refused("the lines are not as they were", edit.file, edit.line)
    return edit_directive(content, edit.line, edit.last_line, edit.after.encode("latin-1"), edit.file)


def _reworded(content: bytes, line: int, file: str, reword: Callable[[str], str]) -> DirectiveEdit:
    lines = _Lines(content, file)
    one = lines.at(line)
    try:
        new = reword(lines.text[one.start : one.end])
    except WordingError as error:
        raise refused(f"the value cannot be written there: {error}", file, line) from error
    return lines.edit(one.start, one.end, new)


def _goes_on(text: str) -> bool:
    """Whether httpd takes what follows into the last line."""
    return text.endswith(("\\\n", "\\\r\n"))


class _Lines:
    """The lines of one file, and edits of them."""

    def __init__(self, content: bytes, file: str) -> None:
        self.content, self.file = content, file
        self.text = content.decode("latin-1")
        self.lines = read_lines(content)
        self.pairs = pair(self.lines, self.text)
        self._by_line = {one.line: one for one in self.lines}

    def at(self, line: int, *, blank: bool = False) -> LogicalLine:
        """The logical line that starts there; a directive, unless ``blank`` lets it be any line."""
        found = self._by_line.get(line)
        if found is None:
            raise refused("no line starts there (it may be continued from the one before)", self.file, line)
        if not found.name and not blank:
            raise refused("there is no directive", self.file, line)
        return found

    def section(self, line: int) -> LogicalLine:
        """The start of a section."""
        found = self.at(line)
        if not found.name.startswith("<") or found.name.startswith("</"):
            raise refused("no section starts there", self.file, line)
        return found

    def closing(self, one: LogicalLine) -> LogicalLine:
        """The last line of what starts there: the section's end, or the line itself."""
        return self.pairs.ends.get(one.line, one)

    def refuse_lonely_else(self, one: LogicalLine) -> None:
        """Refuses to take an ``<If>`` or ``<ElseIf>`` away from the ``<Else>`` or ``<ElseIf>`` that goes on with it.

        httpd would refuse that, or take it for another ``<If>``'s.
        """
        if one.name.lower() not in ("<if", "<elseif"):
            return
        skipped = self.closing(one).line
        for behind in self.lines:
            name = behind.name.lower()
            if behind.line <= skipped or name[:1] != "<":
                continue
            if name in ("<else", "<elseif"):
                raise refused(
                    f"{behind.name}> on line {behind.line} goes on with it and would lose it, or become another's",
                    self.file,
                    one.line,
                )
            if name == "<if" or (name[:2] == "</" and name.removesuffix(">")[2:] not in _TRANSPARENT):
                return
            if name[1:] not in _TRANSPARENT:
                skipped = self.closing(behind).line

    def inner_indentation(self, section: LogicalLine) -> str:
        """That of the first line inside, else one step more than the section's own."""
        own = indentation(self.text[section.start : section.end])
        behind = next((one for one in self.lines if one.start >= section.end and one.text), None)
        if behind is not None and not behind.name.startswith("</"):
            return indentation(self.text[behind.start : behind.end])
        return f"{own}\t" if "\t" in own else f"{own}    "

    def insert(self, at: int, text: str, indent: str, line: int) -> DirectiveEdit:
        """A line at a byte offset at which a line starts or the file ends, with its neighbours' line end."""
        text = text.strip(BLANKS)
        if not text or _CONTROL.search(text):
            raise refused("a directive stands on one line and holds no control characters", self.file, line)
        if text.endswith("\\"):
            raise refused(
                "the new line would end in a backslash (byte 5C), and httpd would take the next line in",
                self.file,
                line,
            )
        end = self._neighbours_end(at)
        if at == len(self.text) and self.text and (not self.text.endswith("\n") or _goes_on(self.text)):
            return self._behind_the_last(f"{indent}{text}", end)
        return self.edit(at, at, f"{indent}{text}{end}")

    def _behind_the_last(self, text: str, end: str) -> DirectiveEdit:
        """A line behind a last line that has no line end, or goes on; there a blank one ends it and changes nothing."""
        last = self.lines[-1]
        raw = self.text[last.start :]
        closed = raw.endswith("\n")
        blank = end if closed or raw.endswith("\\") else ""
        new = f"{raw}{blank if closed else end + blank}{text}{end if closed else ''}"
        wanted = [one for one in (last.text, text.strip(BLANKS)) if not one.startswith("#")]
        if [one.text for one in read_lines(new.encode("latin-1")) if not one.comment] != wanted:
            raise refused("the file ends in a backslash, and httpd would take the new line in", self.file, last.line)
        return self.edit(last.start, last.end, new)

    def _neighbours_end(self, at: int) -> str:
        """The line end in front of the place, else behind it; a line feed where there is none."""
        at_end = self.text.rfind("\n", 0, at)
        return line_end(self.text[max(at_end - 1, 0) : at_end + 1] if at_end >= 0 else self.text[at:])

    def edit(self, start: int, end: int, new: str) -> DirectiveEdit:
        """The edit of the lines between two offsets, proven."""
        line = self.text.count("\n", 0, start) + 1
        before = self.text[start:end]
        last_line = line - 1 + len(physical_lines(before))
        edit_directive(self.content, line, last_line, new.encode("latin-1"), self.file)
        return DirectiveEdit(self.file, line, last_line, before, new)
