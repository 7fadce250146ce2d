"""What a real httpd says of itself."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from auditor.surfaces.httpd.host import ask_server
from tests import servers

pytestmark = pytest.mark.integration


def test_version_and_compiled_in_modules_are_asked(httpd: Path) -> None:
    facts = {fact.name: fact for fact in asyncio.run(ask_server((str(httpd),), {}))}
    said = subprocess.run([str(httpd), "-v"], capture_output=True, text=True, check=True).stdout
    assert f"Apache/{facts['version'].value} " in said
    assert facts["version"].how == f"{httpd} -v"
    built_in = facts["builtin_modules"].value
    assert isinstance(built_in, tuple)
    assert {name.removesuffix("_module") for name in built_in} == servers.BUILT_IN


@pytest.mark.parametrize("command", ["/nowhere/httpd", "/bin/false", "/dev/null"])
def test_a_server_that_does_not_run_says_nothing(command: str) -> None:
    assert asyncio.run(ask_server((command,), {})) == ()
