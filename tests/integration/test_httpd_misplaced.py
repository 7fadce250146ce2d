"""Sections where httpd refuses them: the real server is asked of each within each, and of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.surfaces.httpd.refusals import refusals
from tests import referee, servers

pytestmark = pytest.mark.integration

Verdicts = tuple[str, tuple[str, ...]]
SECTIONS = {
    "VirtualHost": "*:80", "Directory": "/a", "DirectoryMatch": "^/a", "Location": "/a", "LocationMatch": "^/a",
    "Files": "a", "FilesMatch": "a", "If": "true", "Proxy": "*", "ProxyMatch": "^http",
}  # fmt: skip
ARGUMENTS = ("", "a b", "~ a", "~ a b", '"a b"')


@pytest.fixture
def judge(httpd: Path, tmp_path: Path) -> Callable[[str], Verdicts]:
    """What httpd says when it refuses a text, and the places and words of our gaps."""
    (tmp_path / "logs").mkdir()
    head = (
        f"ServerRoot {tmp_path}\nServerName x\nPidFile logs/p\nErrorLog logs/e\nDefaultRuntimeDir logs\n"
        f"Listen 127.0.0.1:8080\n{servers.load_modules('mpm_event', 'authz_core', 'proxy')}"
    )
    variables = referee.environment(tmp_path / "logs")

    def call(text: str) -> Verdicts:
        (tmp_path / "httpd.conf").write_text(f"{head}Include part.conf\n")
        (tmp_path / "part.conf").write_text(text)
        _, refusal = referee.dump(tmp_path, "httpd.conf", variables)
        resolved = referee.read(tmp_path, "httpd.conf", variables)
        return refusal, tuple(gap.what for gap in (*resolved.gaps, *refusals(resolved, ())))

    return call


@pytest.mark.parametrize("outer", SECTIONS)
def test_a_section_within_another_is_refused_where_httpd_refuses_it(
    judge: Callable[[str], Verdicts], outer: str
) -> None:
    for inner, arguments in [*[*SECTIONS.items()][::3], ("Files", "a"), ("Proxy", "*")]:
        refusal, ours = judge(f"<{outer} {SECTIONS[outer]}>\n<{inner} {arguments}>\n</{inner}>\n</{outer}>\n")
        assert ours == (("part.conf:2",) if refusal else ()), (inner, refusal)


@pytest.mark.parametrize("outer", ["LocationMatch", "Directory", "Proxy"])
def test_a_section_further_out_counts_as_for_httpd(judge: Callable[[str], Verdicts], outer: str) -> None:
    for inner in ("Files", "FilesMatch", "Directory"):
        refusal, ours = judge(f"<{outer} {SECTIONS[outer]}>\n<If true>\n<{inner} x>\n</{inner}>\n</If>\n</{outer}>\n")
        assert ours == (("part.conf:3",) if refusal else ()), (inner, refusal)


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in ("If", "Proxy", "VirtualHost")])
def test_a_sections_arguments_are_counted_as_httpd_counts_them(judge: Callable[[str], Verdicts], name: str) -> None:
    for arguments in ARGUMENTS:
        refusal, ours = judge(f"<{name} {arguments}>\n</{name}>\n")
        assert ours == (("part.conf:1",) if refusal else ()), (arguments, refusal)


@pytest.mark.parametrize("arguments", ["", "On On", '""', "On On On"])
@pytest.mark.parametrize("name", ["KeepAliveTimeout", "ErrorDocument", "ProxyVia", "LogLevel", "Timeout"])
def test_a_wrong_number_of_arguments_is_refused_where_httpd_refuses_it(
    judge: Callable[[str], Verdicts], name: str, arguments: str
) -> None:
    refusal, ours = judge(f"{name} {arguments}\n")
    counted = "argument" in refusal and ("takes" in refusal or "at least" in refusal)
    assert ours == (("part.conf:1",) if counted else ()), refusal
