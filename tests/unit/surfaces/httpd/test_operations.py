"""Single operations on one file that holds what makes them hard, and what is refused with file, line and reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit
from auditor.surfaces.httpd import operations as op
from auditor.surfaces.httpd.operations import carry_out, undone

FILE = (
    b"# \x95\x5c\nTimeout 60\n"  # line 2 is part of the comment
    b"<VirtualHost *:80>\r\n\tServerName a.example\r\n\tProxyPass /a http://b/ \\\r\n\t\ttimeout=5\r\n"
    b"\t<Location '/x y'> text\r\n\t</Location>\r\n</VirtualHost>\n"
    b"SetEnv t \"\x83\x5c\x5c\" 'it'\nKeepAlive On"
)
OPEN = b"<IfModule mod_x.c>\n  Timeout 5\n"
MACRO = b"<Macro Open>\n<Location /a>\n  SetEnv a b\n</Macro>\nTimeout 5\n"
Make = Callable[[], DirectiveEdit]


@pytest.mark.parametrize(
    ("content", "make", "before", "after"),
    [
        (FILE, lambda: op.change_word(FILE, 3, 0, "*:81"), "<VirtualHost *:80>\r\n", "<VirtualHost *:81>\r\n"),
        (FILE, lambda: op.change_word(FILE, 7, 0, "/z"), "\t<Location '/x y'> text\r\n", "\t<Location '/z'> text\r\n"),
        (FILE, lambda: op.change_word(FILE, 10, 0, "a b"), 'SetEnv t "\x83\x5c\x5c" \'it\'\n',
         'SetEnv "a b" "\x83\x5c\x5c" \'it\'\n'),
        (FILE, lambda: op.change_word(FILE, 10, 1, "\x95\x5c"), 'SetEnv t "\x83\x5c\x5c" \'it\'\n',
         'SetEnv t "\x95\x5c\x5c" \'it\'\n'),
        (FILE, lambda: op.change_word(FILE, 10, 2, "it's"), 'SetEnv t "\x83\x5c\x5c" \'it\'\n',
         'SetEnv t "\x83\x5c\x5c" \'it\\\'s\'\n'),
        (FILE, lambda: op.change_word(FILE, 11, 0, "\x95\x5c"), "KeepAlive On", 'KeepAlive "\x95\x5c\x5c"'),
        (FILE, lambda: op.change_parameter(FILE, 5, "TIMEOUT", "7"), "\tProxyPass /a http://b/ \\\r\n\t\ttimeout=5\r\n",
         "\tProxyPass /a http://b/ \\\r\n\t\ttimeout=7\r\n"),
        (FILE, lambda: op.change_parameter(FILE, 5, "retry", "7"), "\tProxyPass /a http://b/ \\\r\n\t\ttimeout=5\r\n",
         "\tProxyPass /a http://b/ \\\r\n\t\ttimeout=5 retry=7\r\n"),
        (FILE, lambda: op.drop_parameter(FILE, 5, "timeout"), "\tProxyPass /a http://b/ \\\r\n\t\ttimeout=5\r\n",
         "\tProxyPass /a http://b/\r\n"),
        (FILE, lambda: op.comment_out(FILE, 5), "\tProxyPass /a http://b/ \\\r\n\t\ttimeout=5\r\n",
         "\t#ProxyPass /a http://b/ \\\r\n\t\t#timeout=5\r\n"),
        (FILE, lambda: op.comment_out(FILE, 7), "\t<Location '/x y'> text\r\n\t</Location>\r\n",
         "\t#<Location '/x y'> text\r\n\t#</Location>\r\n"),
        (FILE, lambda: op.remove(FILE, 11), "KeepAlive On", ""),
        (FILE, lambda: op.insert_before(FILE, 1, "X 1"), "", "X 1\n"),
        (FILE, lambda: op.insert_after(FILE, 1, "X 1"), "", "X 1\n"),
        (FILE, lambda: op.insert_after(FILE, 5, "X 1"), "", "\tX 1\r\n"),
        (FILE, lambda: op.insert_after(FILE, 7, "X 1"), "", "\tX 1\r\n"),
        (FILE, lambda: op.insert_first(FILE, 7, "X 1"), "", "\t\tX 1\r\n"),
        (FILE, lambda: op.insert_last(FILE, 3, "X 1"), "", "\tX 1\r\n"),
        (FILE, lambda: op.append(FILE, "X 1"), "KeepAlive On", "KeepAlive On\nX 1"),
        (b"", lambda: op.append(b"", "X 1"), "", "X 1\n"),
        (b"<A>\r\n</A>", lambda: op.append(b"<A>\r\n</A>", "X 1"), "</A>", "</A>\r\nX 1"),
        (b"A b \\\n", lambda: op.append(b"A b \\\n", "X 1"), "A b \\\n", "A b \\\n\nX 1\n"),
        (b"# \x95\x5c\r\n", lambda: op.append(b"# \x95\x5c\r\n", "X 1"), "# \x95\x5c\r\n", "# \x95\x5c\r\n\r\nX 1\r\n"),
        (b"# \x95\x5c", lambda: op.append(b"# \x95\x5c", "X 1"), "# \x95\x5c", "# \x95\x5c\n\nX 1"),
        (b"A b \\\n", lambda: op.change_word(b"A b \\\n", 1, 0, "c"), "A b \\\n", "A c \\\n"),
        (OPEN, lambda: op.change_word(OPEN, 2, 0, "6"), "  Timeout 5\n", "  Timeout 6\n"),
        (OPEN, lambda: op.insert_first(OPEN, 1, "X 1"), "", "  X 1\n"),
        (MACRO, lambda: op.insert_first(MACRO, 2, "X 1"), "", "  X 1\n"),
        (MACRO, lambda: op.comment_out(MACRO, 3), "  SetEnv a b\n", "  #SetEnv a b\n"),
        (MACRO, lambda: op.append(MACRO, "X 1"), "", "X 1\n"),
        (OPEN, lambda: op.append(OPEN, "X 1"), "", "X 1\n"),
    ],
)  # fmt: skip
def test_it_changes_these_bytes(content: bytes, make: Make, before: str, after: str) -> None:
    edit = make()
    assert (edit.before, edit.after) == (before, after)
    changed = carry_out(content, edit)
    assert changed.replace(after.encode("latin-1"), before.encode("latin-1"), 1) == content or not after
    assert carry_out(changed, undone(edit)) == content


@pytest.mark.parametrize(
    ("make", "where", "why"),
    [
        (lambda: op.change_word(FILE, 2, 0, "5", "x.conf"), "x.conf:2", "continued from the one before"),
        (lambda: op.change_word(FILE, 1, 0, "5", "x.conf"), "x.conf:1", "no directive"),
        (lambda: op.change_word(FILE, 11, 4, "5", "x.conf"), "x.conf:11", "it has 1 arguments, not 5"),
        (lambda: op.change_arguments(FILE, 11, "c:\\", file="x.conf"), "x.conf:11", "byte 5C"),
        (lambda: op.append(FILE, "X \x95\x5c", "x.conf"), "x.conf:11", "byte 5C"),
        (lambda: op.append(FILE, "# \x95\x5c", "x.conf"), "x.conf:11", "byte 5C"),
        (lambda: op.append(FILE, "X 1\nY 2", "x.conf"), "x.conf:11", "on one line"),
        (lambda: op.append(FILE, "<Location /a>", "x.conf"), "x.conf:11", "begin or end elsewhere"),
        (lambda: op.append(b"A 1\nB \\", "X 1", "x.conf"), "x.conf:2", "file ends in a backslash"),
        (lambda: op.insert_last(OPEN, 1, "X 1", "x.conf"), "x.conf:1", "end is not in this file"),
        (lambda: op.insert_last(FILE, 4, "X 1", "x.conf"), "x.conf:4", "no section starts there"),
        (lambda: op.remove(OPEN, 1, "x.conf"), "x.conf:1", "whose other half is not in this file"),
        (lambda: op.remove(MACRO, 2, "x.conf"), "x.conf:2", "whose other half is not in this file"),
        (lambda: op.remove(FILE, 9, "x.conf"), "x.conf:9", "section"),
        (lambda: op.change_word(MACRO, 2, 0, "/b", "x.conf"), "x.conf:2", "section"),
    ],
)
def test_it_is_refused_with_file_line_and_reason(make: Make, where: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why) as caught:
        make()
    assert caught.value.where == where
    assert "Nothing was changed" in str(caught.value)


IFS = (
    b"<If a>\nX 1\n</If>\n<If b>\n</If>\n<Files y>\n<If z>\n</If>\n</Files>\n<IfModule m>\n"
    b"<ElseIf c>\n</ElseIf>\n</IfModule>\n<Else>\n</Else>\n<If d>\n</If>\n"
)


@pytest.mark.parametrize(("line", "lonely"), [(1, 0), (4, 11), (7, 0), (11, 14), (14, 0), (16, 0)])
def test_no_else_loses_its_if(line: int, lonely: int) -> None:
    for operation in (op.remove, op.comment_out):
        if lonely:
            with pytest.raises(RefusedError, match=f"on line {lonely} goes on with it"):
                operation(IFS, line, "x.conf")
        else:
            assert carry_out(IFS, operation(IFS, line, "x.conf")) != IFS


def test_an_edit_is_done_only_where_the_lines_are_as_it_says() -> None:
    edit = op.change_word(FILE, 11, 0, "Off", "x.conf")
    with pytest.raises(RefusedError, match="not as they were"):
        carry_out(FILE.replace(b"On", b"on"), edit)
