"""The real httpd does not see the lines that we say it does not see, and sees the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.surfaces.httpd.swallowed import swallowed_lines
from tests import referee, servers

pytestmark = pytest.mark.integration

LINES = (
    ("comment, backslash", "# C:\\apps\\\nSetEnv lost 1\nSetEnv kept 1\n", "utf-8"),
    ("comment, backslash, CRLF", "# C:\\apps\\\r\nSetEnv lost 1\r\nSetEnv kept 1\r\n", "utf-8"),
    ("comment over comments", "# x \\\n# y \\\nSetEnv lost 1\nSetEnv kept 1\n", "utf-8"),
    ("comment in UTF-8", "# 表\\\nSetEnv lost 1\nSetEnv kept 1\n", "utf-8"),
    ("comment in EUC-JP", "# 表\\\nSetEnv lost 1\nSetEnv kept 1\n", "euc_jp"),
    ("comment in latin-1", "# caf\xe9 \\\nSetEnv lost 1\nSetEnv kept \xe9 \n", "latin-1"),
    ("comment, letter", "# 設定 表\nSetEnv lost 1\nSetEnv kept 1\n", "cp932"),
    ("comment, letter, CRLF", "# 設定 ソ\r\nSetEnv lost 1\r\nSetEnv kept 1\r\n", "cp932"),
    ("directive, letter", "PassEnv 能\nSetEnv lost 1\nSetEnv kept 1\n", "cp932"),
    ("harmless", "# x \\\n\nSetEnv kept 1\n# 設定 表。\nSetEnv kept 2\n", "cp932"),
    ("letters where they do no harm", "# ソフト\nSetEnv kept 予定\n# 表\n\nSetEnv kept 2\n", "cp932"),
)


def seen(content: bytes, root: Path) -> list[tuple[int, str]]:
    """The SetEnv lines that httpd read, with their numbers."""
    root.mkdir()
    (root / "x.conf").write_bytes(content)
    (root / "httpd.conf").write_text(
        f"ServerRoot {root}\nServerName x\nPidFile {root}/p\nErrorLog {root}/e\nListen 127.0.0.1:8080\n"
        f"{servers.load_modules('mpm_event', 'authz_core', 'env')}Include x.conf\n"
    )
    lines, refusal = referee.dump(root, "httpd.conf", referee.environment(root))
    assert not refusal
    return [(number, arguments) for file, number, name, arguments in lines if name == "setenv" and "x.conf" in file]


@pytest.mark.parametrize(("what", "text", "encoding"), LINES, ids=[what for what, _, _ in LINES])
def test_httpd_misses_what_is_found_and_nothing_else(
    what: str, text: str, encoding: str, httpd: Path, tmp_path: Path
) -> None:
    content = text.encode(encoding)
    lost = [one.line for one in swallowed_lines(content)]
    expected = [
        (number, line.strip().removeprefix(b"SetEnv ").decode("latin-1"))
        for number, line in enumerate(content.split(b"\n"), 1)
        if line.startswith(b"SetEnv ") and number not in lost
    ]
    assert bool(lost) == ("lost" in text)
    assert seen(content, tmp_path / "as-it-is") == expected
    if lost:
        # Another last letter, and httpd sees the line: it is the backslash and nothing else.
        mended = content.split(b"\n")
        for number in lost:
            before = mended[number - 2].removesuffix(b"\r")
            mended[number - 2] = before + b"." + mended[number - 2][len(before) :]
        assert len(seen(b"\n".join(mended), tmp_path / "mended")) == len(expected) + len(lost)
