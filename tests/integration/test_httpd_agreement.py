"""Where a server is at hand, its own dumps are compared with our reading; a difference is never a pass."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, Target
from auditor.services.sample import install_sample
from auditor.surfaces.httpd import host
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.httpd.understanding import UNDERSTOOD
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests import referee, servers
from tests.fakes.odd_trees import OddTree
from tests.integration.test_httpd_referee import CORPUS, enable, module_is_there, place

pytestmark = pytest.mark.integration

Run = Callable[..., tuple[int, dict[str, object], str]]
ALL = "DUMP_CONFIG, DUMP_VHOSTS, DUMP_MODULES, DUMP_RUN_CFG"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command line that gives JSON: exit code, the report, standard error."""

    def call(*words: object) -> tuple[int, dict[str, object], str]:
        capsys.readouterr()
        code = main([*(str(word) for word in words), "--format", "json"])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    return call


@pytest.fixture
def tree(httpd: Path, tmp_path: Path) -> Path:
    """A tree that httpd starts with."""
    root = tmp_path / "httpd"
    (root / "logs").mkdir(parents=True)
    (root / "httpd.conf").write_text(
        f'ServerRoot "{root}"\nServerName main.example\nListen 127.0.0.1:8080\nPidFile logs/pid\nErrorLog logs/error\n'
        f"DefaultRuntimeDir logs\n{servers.load_modules('mpm_event', 'authz_core', 'proxy', 'proxy_http', 'macro')}"
        "Timeout 60\n<VirtualHost *:8080>\nServerName shop.example\nProxyPass /a http://127.0.0.1:9/ timeout=5\n"
        "</VirtualHost>\n<IfModule mod_info.c>\nTimeout 61\n</IfModule>\n"
    )
    return root


def fake(folder: Path, httpd: Path, script: str) -> str:
    """A server that is the real one, but for what a sed script does to its dumps."""
    path, said = folder / "fake-httpd", folder / "said"
    path.write_text(f'#!/bin/sh\n"{httpd}" "$@" > "{said}"; code=$?\nsed \'{script}\' "{said}"\nexit $code\n')
    path.chmod(0o755)
    return str(path)


def collected(tree: Path, *server: str, environment: dict[str, str] | None = None) -> Collected:
    """The tree as collected where that server runs it."""
    location = LocalTree(str(tree), server=server, environment=tuple((environment or {}).items()))
    return asyncio.run(collect(Target("web1", "httpd", location), CollectOptions(referee.SEALER)))


def fleet(folder: Path, tree: Path, *server: str) -> Path:
    """A fleet repository of one host whose httpd is run by that command."""
    root = folder / "fleet"
    assert main(["init", str(root)]) == 0
    file = root / "auditor.yaml"
    words = ", ".join(f'"{word}"' for word in server)
    hosts = f'hosts:\n  web1:\n    httpd: {{tree: "{tree}", server: [{words}]}}\n'
    file.write_text(file.read_text().replace("hosts: {}\n", hosts))
    return root


@pytest.mark.parametrize("case", sorted(path.name for path in CORPUS.iterdir()))
def test_the_real_server_agrees_on_odd_configurations(case: str, httpd: Path, tmp_path: Path) -> None:
    root = tmp_path / case
    shutil.copytree(CORPUS / case, root, symlinks=True)
    place(root)
    defines = (root / "defines").read_text().split() if (root / "defines").exists() else []
    (tmp_path / "logs").mkdir()
    found = referee.collected(root, "httpd.conf", referee.environment(tmp_path / "logs"), tuple(defines))
    assert [(fact.value, fact.how) for fact in found.facts if fact.name == "agrees_with_server"] == [("yes", ALL)]
    assert found.gaps == ()


def test_the_real_server_agrees_on_the_sample(httpd: Path, tmp_path: Path) -> None:
    root = tmp_path / "httpd"
    install_sample(root, http_port=8080, https_port=8443, modules=servers.modules_directory())
    assert collected(root, str(httpd), "-d", str(root)).fact("agrees_with_server") == "yes"


def test_the_real_server_agrees_on_debians_tree_with_its_own_envvars(
    httpd: Path, debian_tree: Path, tmp_path: Path
) -> None:
    loadable = [path.stem for path in sorted((debian_tree / "mods-available").glob("*.load"))]
    wanted = {"mpm_event", "authz_core", "authz_host", "alias", "proxy", "proxy_http", "status"}
    enable(debian_tree, "mods", [name for name in loadable if name in wanted and module_is_there(name)])
    enable(debian_tree, "sites", ["000-default"])
    envvars = debian_tree / "envvars"
    text = envvars.read_text()
    for folder in ("/var/run/apache2", "/var/lock/apache2", "/var/log/apache2"):
        text = text.replace(folder, str(tmp_path / "var"))
    (tmp_path / "var").mkdir()
    envvars.write_text(text)
    found = collected(debian_tree, str(httpd))
    assert (found.gaps, found.fact("agrees_with_server")) == ((), "yes")


@pytest.mark.parametrize("seed", range(101, 113))
def test_a_real_server_never_differs_on_trees_made_at_random(httpd: Path, tmp_path: Path, seed: int) -> None:
    root = tmp_path / "tree"
    OddTree(seed, startable=seed % 6 != 0).write(root)
    variables = {**referee.environment(root / "logs"), "FROM_ENVIRONMENT": "two words"}
    found = referee.collected(root, "httpd.conf", variables)
    assert found.fact("agrees_with_server") in ("yes", "refused")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("s/timeout=5/timeout=6/", "httpd reads other arguments than we do at proxypass at httpd.conf:"),
        ("/ProxyPass/d", "we read proxypass at httpd.conf:"),
        ("s/^Timeout 60/&\\n#  99:\\nTimeout 7/", "httpd reads timeout at httpd.conf:99 where we read"),
        ("s/^Loaded Modules:/&\\n stray_module (shared)/", "httpd loads stray_module"),
        ("s/^ *\\*:8080.*//", "httpd does not serve the virtual host of httpd.conf:"),
        ("s/^ServerRoot: .*/&\\nDefine: UNKNOWN/", "httpd has UNKNOWN defined"),
        ("s|^ServerRoot: .*|ServerRoot: \"/elsewhere\"|", "httpd's ServerRoot is /elsewhere"),
    ],
)  # fmt: skip
def test_a_server_that_reads_otherwise_leaves_the_answer_open(
    run: Run, httpd: Path, tree: Path, tmp_path: Path, script: str, said: str
) -> None:
    root = fleet(tmp_path, tree, fake(tmp_path, httpd, script))
    code, report, _ = run("check", "web1", "--fleet", root)
    assert code == 3
    gaps = [gap for target in report["targets"] for gap in target["gaps"]]  # type: ignore[attr-defined]
    (gap,) = (gap for gap in gaps if gap["what"] == "httpd's own reading")
    assert gap["cause"] == "undetermined"
    assert said in gap["detail"]
    assert set(gap["kinds"]) == set(UNDERSTOOD)
    code, report, _ = run("explain", "web1", "http://shop.example:8080/a", "--fleet", root)
    assert code == 3
    assert "httpd's own reading" in json.dumps(report["gaps"])


def test_the_real_server_leaves_the_answer_certain(run: Run, httpd: Path, tree: Path, tmp_path: Path) -> None:
    root = fleet(tmp_path, tree, str(httpd))
    code, report, err = run("explain", "web1", "http://shop.example:8080/a", "--fleet", root)
    assert (code, report["gaps"]) == (0, []), err


def test_what_httpd_refuses_is_named_with_its_line_and_without_its_words(httpd: Path, tree: Path) -> None:
    (tree / "bad.conf").write_text("ServerName ok.example\nDocumentRoot none hunter2hunter2\n")
    with (tree / "httpd.conf").open("a") as file:
        file.write("Include bad.conf\n")
    found = collected(tree, str(httpd))
    assert found.fact("agrees_with_server") == "refused"
    (gap,) = found.gaps
    assert (gap.what, gap.cause, gap.kinds) == ("bad.conf:2", "malformed", UNDERSTOOD)
    assert "AH00526" in gap.detail
    assert "hunter2" not in repr(found.gaps + found.facts)


def test_code_within_the_tree_is_no_configuration_and_undetermined(httpd: Path, tree: Path) -> None:
    code = "<LuaHookFixups fix>\nfunction fix(r)\n  if 1 <\n  2 then return 1 end\nend\n</LuaHookFixups>\nTimeout 7\n"
    with (tree / "httpd.conf").open("a") as file:
        file.write(f"{servers.load_modules('lua')}{code}")
    found = collected(tree, str(httpd))
    assert found.fact("agrees_with_server") == "yes"
    (gap,) = resolve_collected(found, InterpretOptions()).gaps
    assert gap.cause == "undetermined"
    assert "<LuaHookFixups> does" in gap.detail


def test_what_is_only_amiss_at_the_moment_claims_nothing(httpd: Path, tree: Path) -> None:
    shutil.rmtree(tree / "logs")
    found = collected(tree, str(httpd))
    assert (found.fact("agrees_with_server"), found.gaps) == (None, ())


def test_without_mod_info_the_other_dumps_are_compared(httpd: Path, tree: Path, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    for name in ("mpm_event", "authz_core", "proxy", "proxy_http", "macro"):
        (modules / f"mod_{name}.so").symlink_to(Path(servers.modules_directory() or "", f"mod_{name}.so"))
    text = (tree / "httpd.conf").read_text().replace(str(servers.modules_directory()), str(modules))
    (tree / "httpd.conf").write_text(text)
    assert collected(tree, str(httpd)).fact("agrees_with_server") == "in part"
    assert collected(tree, fake(tmp_path, httpd, "s/Loaded Modules:/&\\n odd_module (shared)/")).gaps != ()


@pytest.mark.parametrize(
    "answer", ["sleep 600", "yes", "kill -9 $$", "exit 0", "echo garbage", "exit 1", "head -c 1000000 /dev/urandom"]
)
def test_a_server_that_does_not_answer_claims_nothing_and_is_ended(
    httpd: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(host, "_READING_S", 0.3)
    monkeypatch.setattr(host, "_MAX_READING", 100_000)
    path = tmp_path / "odd-httpd"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in -[vl] | -V*) exec "{httpd}" "$@";; esac\necho $$ > "{tmp_path}/pid"\n{answer}\n'
    )
    path.chmod(0o755)
    found = collected(tree, str(path))
    assert found.fact("agrees_with_server") is None
    assert [gap for gap in found.gaps if set(gap.kinds) >= set(UNDERSTOOD)] == []
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_only_a_dry_run_is_asked_for(httpd: Path, tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "watched"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f'with open("{tmp_path}/asked", "a") as asked:\n    asked.write(repr(sys.argv[1:]) + "\\n")\n'
        f'os.execv("{httpd}", ["httpd", *sys.argv[1:]])\n'
    )
    path.chmod(0o755)
    assert collected(tree, str(path), environment={"PATH": os.environ["PATH"]}).fact("agrees_with_server") == "yes"
    asked = [eval(line) for line in (tmp_path / "asked").read_text().splitlines()]
    dry = {"-t", "-v", "-l", "-V", "-M", "-S", "-L", "-h"}  # print, and end
    assert [words for words in asked if "-k" in words or not dry & set(words)] == []
    assert not list((tree / "logs").iterdir())
