"""Our flattened order, with file and last line, is that of the real httpd."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from auditor.services.sample import install_sample
from auditor.surfaces.httpd.modules import source_file
from auditor.surfaces.httpd.refusals import refusals
from tests import referee, servers

pytestmark = pytest.mark.integration

CORPUS = Path(__file__).parent.parent / "corpus/httpd/odd"
MPMS = ("mpm_event", "mpm_worker", "mpm_prefork")
# What files of Debian's tree name, and other packages bring.
ELSEWHERE = (
    "/usr/share/apache2/ask-for-passphrase",
    "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    "/etc/ssl/private/ssl-cert-snakeoil.key",
)


def agree(root: Path, main_file: str, logs: Path, *, defines: tuple[str, ...] = ()) -> int:
    """Asserts that both readings are equal; gives their length."""
    variables = referee.environment(logs)
    theirs, refusal = referee.dump(root, main_file, variables, defines)
    assert not refusal
    resolved = referee.read(root, main_file, variables, defines)
    assert resolved.gaps == ()
    assert refusals(resolved, ()) == ()
    ours = referee.flattened(resolved, root)
    assert ours == theirs
    return len(ours)


def test_debian_as_packaged_reads_as_httpd_reads_it(httpd: Path, debian_tree: Path, tmp_path: Path) -> None:
    enable(debian_tree, "mods", ["mpm_event", "authz_core"])
    assert agree(debian_tree, "apache2.conf", tmp_path) > 25


@pytest.mark.parametrize("mpm", MPMS)
def test_debian_with_everything_enabled_reads_as_httpd_reads_it(
    httpd: Path, debian_tree: Path, tmp_path: Path, mpm: str
) -> None:
    loadable = [path.stem for path in sorted((debian_tree / "mods-available").glob("*.load"))]
    wanted = [name for name in loadable if name not in MPMS and module_is_there(name)]
    for path in debian_tree.glob("*-available/*ssl.conf"):
        for name in ELSEWHERE:
            (tmp_path / Path(name).name).write_text("there")
            path.write_text(path.read_text().replace(name, str(tmp_path / Path(name).name)))
    enable(debian_tree, "mods", [*wanted, mpm])
    enable(debian_tree, "conf", [path.stem for path in (debian_tree / "conf-available").glob("*.conf")])
    enable(debian_tree, "sites", [path.stem for path in (debian_tree / "sites-available").glob("*.conf")])
    assert agree(debian_tree, "apache2.conf", tmp_path) > 200


def test_the_sample_tree_reads_as_httpd_reads_it(httpd: Path, tmp_path: Path) -> None:
    root = tmp_path / "httpd"
    install_sample(root, http_port=8080, https_port=8443, modules=servers.modules_directory())
    assert agree(root, "conf/httpd.conf", tmp_path) > 50


def test_modules_bear_the_source_files_that_conditionals_ask_for(httpd: Path, tmp_path: Path) -> None:
    names = [
        path.stem.removeprefix("mod_") for path in sorted((servers.modules_directory() or tmp_path).glob("mod_*.so"))
    ]
    names = [name for name in names if name not in {*MPMS[1:], *servers.BUILT_IN}]
    asked = "".join(f"<IfModule {source_file(f'{name}_module')}>\nPassEnv {name}\n</IfModule>\n" for name in names)
    (tmp_path / "httpd.conf").write_text(
        f"ServerRoot {tmp_path}\nServerName x\nPidFile {tmp_path}/p\nErrorLog {tmp_path}/e\n"
        f"{servers.load_modules(*names)}{asked}"
    )
    theirs, refusal = referee.dump(tmp_path, "httpd.conf", referee.environment(tmp_path))
    assert not refusal
    seen = [arguments for _, _, name, arguments in theirs if name == "passenv"]
    assert [name for name in names if name not in seen] == []


@pytest.mark.parametrize(("megabytes", "starts"), [(1, True), (10, True), (17, False)])
def test_a_very_long_line_is_read_or_named(httpd: Path, tmp_path: Path, megabytes: int, starts: bool) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "part.conf").write_text(f"PassEnv {'x' * (megabytes << 20)}\n")
    (tmp_path / "httpd.conf").write_text(
        f"ServerRoot {tmp_path}\nServerName x\nPidFile logs/p\nErrorLog logs/e\nDefaultRuntimeDir logs\n"
        f"Listen 127.0.0.1:8080\n{servers.load_modules('mpm_event', 'authz_core', 'env')}Include part.conf\n"
    )
    variables = referee.environment(tmp_path / "logs")
    theirs, refusal = referee.dump(tmp_path, "httpd.conf", variables)
    resolved = referee.read(tmp_path, "httpd.conf", variables)
    assert ("Line too long" not in refusal) == starts
    if megabytes == 1:
        assert referee.flattened(resolved, tmp_path) == theirs
    else:  # the whole file is more than is collected
        assert [(gap.what, gap.cause) for gap in resolved.gaps] == [("part.conf", "too large")]


@pytest.mark.parametrize("case", sorted(path.name for path in CORPUS.iterdir()))
def test_odd_configuration_reads_as_httpd_reads_it(case: str, httpd: Path, tmp_path: Path) -> None:
    root = tmp_path / case
    shutil.copytree(CORPUS / case, root, symlinks=True)
    place(root)
    defines = (root / "defines").read_text().split() if (root / "defines").exists() else []
    (tmp_path / "logs").mkdir()
    assert agree(root, "httpd.conf", tmp_path / "logs", defines=tuple(defines)) > 0


def place(root: Path) -> None:
    """Puts the machine's own paths where the corpus says @ROOT@ and @MODULES@."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            placed = content.replace(b"@ROOT@", os.fsencode(root))
            placed = placed.replace(b"@MODULES@", os.fsencode(servers.modules_directory() or ""))
            if placed != content:
                path.write_bytes(placed)


def enable(tree: Path, what: str, names: list[str]) -> None:
    """What a2enmod, a2enconf and a2ensite do."""
    for name in names:
        for ending in ("load", "conf"):
            if (tree / f"{what}-available/{name}.{ending}").exists():
                link = tree / f"{what}-enabled/{name}.{ending}"
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(f"../{what}-available/{name}.{ending}")


def module_is_there(name: str) -> bool:
    directory = servers.modules_directory()
    return directory is not None and (directory / f"mod_{name}.so").exists()
