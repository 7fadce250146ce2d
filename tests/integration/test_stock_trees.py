"""A distribution's httpd as it is installed has no finding about time: what everybody has is no surprise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auditor.policy.evaluate import HostFacts, evaluate
from auditor.policy.rules import load_policy
from auditor.services.check import kinds_of, shipped_policy_files
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import InterpretOptions
from tests import referee

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("httpd")]

# What Debian's package enables when it is installed.
ENABLED = (
    "access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env"
    " filter mime mpm_event negotiation reqtimeout setenvif status"
)


def enable(tree: Path, what: str, name: str) -> None:
    (tree / f"{what}-enabled").mkdir(exist_ok=True)
    (tree / f"{what}-enabled" / name).symlink_to(f"../{what}-available/{name}")


def test_debian_s_tree_as_it_is_installed_has_no_finding_about_time(debian_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "apache2"
    shutil.copytree(debian_tree, tree, symlinks=True, ignore=shutil.ignore_patterns("*-enabled"))
    for name in ENABLED.split():
        for ending in ("load", "conf"):
            if (tree / f"mods-available/{name}.{ending}").exists():
                enable(tree, "mods", f"{name}.{ending}")
    enable(tree, "sites", "000-default.conf")
    (tree / "conf-enabled").mkdir()
    seen = interpret(referee.collected(tree, "apache2.conf", referee.environment(tmp_path)), InterpretOptions())
    policy = load_policy(shipped_policy_files(["httpd"]), kinds_of(["httpd"]))
    checked = evaluate(policy, seen, HostFacts("web1", httpd_version="2.4.62", mpm="event"))
    about_time = [one for one in checked.results if "ALERT" not in one.rule]
    assert [
        (one.rule, one.reason, one.findings) for one in about_time if one.outcome not in ("pass", "not applicable")
    ] == []
    passed = {one.rule for one in about_time if one.outcome == "pass"}
    assert passed >= {"HTTPD-TIMEOUT-008", "HTTPD-TIMEOUT-012", "HTTPD-TIMEOUT-021", "HTTPD-HOP-010"}
