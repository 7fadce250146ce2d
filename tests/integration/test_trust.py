"""``auditor trust``: certificates that no authority signed, pinned one by one or a group at once, and watched."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.surfaces.ilo.simulator.certificate import CertificateKind
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from auditor.surfaces.ilo.trust import fingerprint_of
from tests.virtual_ilo import PASSWORD, USERNAME

pytestmark = pytest.mark.integration

WRONG = fingerprint_of(b"another certificate")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUDITOR_ILO_USERNAME", USERNAME)
    monkeypatch.setenv("AUDITOR_ILO_PASSWORD", PASSWORD)
    monkeypatch.setenv("LOGNAME", "ops1")
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@contextlib.contextmanager
def serving(kind: CertificateKind = "self-signed", port: int = 0) -> Iterator[VirtualIlo]:
    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD, port=port, certificate=kind)) as ilo:
        yield ilo


def uri(ilo: VirtualIlo) -> str:
    return ilo.url.replace("https://", "ilo://")


def trust(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, object]]]:
    capsys.readouterr()
    code = main(["trust", *words, "--format", "json"])
    out = capsys.readouterr().out
    return code, json.loads(out)["certificates"] if out else []


def shown(capsys: pytest.CaptureFixture[str], ilo: VirtualIlo) -> str:
    """The fingerprint of what it shows, as whoever stands before the machine would read it."""
    _, [told] = trust(capsys, uri(ilo))
    certificate = told["certificate"]
    assert isinstance(certificate, dict)
    return str(certificate["fingerprint"])


def gaps(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[tuple[str, str, str]], str]:
    """The gaps on whole targets of a check (cause, detail, next step), and what was said on standard error."""
    capsys.readouterr()
    main(["check", *words, "--format", "json"])
    said = capsys.readouterr()
    found = [gap for one in json.loads(said.out)["targets"] for gap in one["gaps"] if gap["what"] == "whole target"]
    return [(gap["cause"], gap["detail"], gap["next_step"]) for gap in found], said.err


@pytest.mark.parametrize("kind", ["self-signed", "expired", "wrong-name"])
def test_a_pinned_certificate_is_believed_whatever_is_wrong_with_it(
    kind: CertificateKind, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(kind) as ilo:
        [(cause, detail, step)], _ = gaps(capsys, uri(ilo))
        assert cause == "not trusted"
        assert f"auditor trust {uri(ilo)}" in step
        fingerprint = shown(capsys, ilo)
        assert fingerprint in detail
        assert ilo.requests == []
        code, [told] = trust(capsys, uri(ilo), "--fingerprint", fingerprint)
        assert (code, told["verdict"]) == (0, "pinned")
        assert ilo.requests == []
        assert gaps(capsys, uri(ilo))[0] == []
        assert ilo.opened_sessions == 1
        code, [told] = trust(capsys, uri(ilo))
        assert (code, told["verdict"]) == (0, "kept")


def test_without_a_word_nothing_is_pinned(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as ilo:
        code, [told] = trust(capsys, uri(ilo))
        assert (code, told["verdict"]) == (4, "not agreed")
        code, [told] = trust(capsys, uri(ilo), "--fingerprint", WRONG)
        assert (code, told["verdict"]) == (4, "other fingerprint")
        assert not Path(str(told["file"])).exists()
        assert main(["trust", "--list"]) == 0
        assert "Nothing is pinned" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "verdict"), [("y\n", "pinned"), ("n\n", "not agreed"), ("", "not agreed")])
def test_at_a_terminal_a_person_is_asked(
    answer: str, verdict: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as ilo:
        fingerprint = shown(capsys, ilo)
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code = main(["trust", uri(ilo), "--format", "json"])
        said = capsys.readouterr()
        assert json.loads(said.out)["certificates"][0]["verdict"] == verdict
        assert code == (0 if verdict == "pinned" else 4)
        assert fingerprint in said.err
        assert "Trust it? [y/N]" in said.err


def test_a_changed_certificate_is_a_gap_that_says_what_was_and_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as ilo:
        before, port = shown(capsys, ilo), int(ilo.url.rpartition(":")[2])
        trust(capsys, uri(ilo), "--fingerprint", before)
    with serving(port=port) as other:
        now = shown(capsys, other)
        [(cause, detail, step)], _ = gaps(capsys, uri(other))
        assert cause == "not trusted"
        assert f"it has changed: pinned {before} since 20" in detail
        assert f"shown {now}" in detail
        assert f"auditor trust {uri(other)}" in step
        assert (other.requests, other.opened_sessions) == ([], 0)
        main(["doctor", uri(other)])
        assert f"pinned {before}" in " ".join(capsys.readouterr().out.split())
        code, [told] = trust(capsys, uri(other))
        assert (code, told["verdict"], told["pinned_before"]) == (4, "not agreed", before)
        assert main(["trust", uri(other)]) == 4
        assert "Find out who changed the certificate" in capsys.readouterr().out
        code, [told] = trust(capsys, uri(other), "--fingerprint", now)
        assert (code, told["verdict"]) == (0, "replaced")
        assert gaps(capsys, uri(other))[0] == []


def test_what_a_pinned_certificate_signed_is_not_pinned(capsys: pytest.CaptureFixture[str]) -> None:
    with serving("good") as ilo:
        _, [told] = trust(capsys, uri(ilo), "--fingerprint", shown(capsys, ilo))
        Path(str(told["file"])).write_bytes(Path(ilo.cafile).read_bytes())
        [(cause, _, _)], _ = gaps(capsys, uri(ilo))
        assert cause == "not trusted"
        assert ilo.requests == []


def fleet_of(ilos: Sequence[VirtualIlo], verify: str = "true") -> Path:
    assert main(["init", "fleet"]) == 0
    hosts = "".join(
        f"  web{n}:\n    groups: [front]\n    ilo: {{url: '{ilo.url}', verify: {verify}}}\n"
        for n, ilo in enumerate(ilos, 1)
    )
    file = Path("fleet/auditor.yaml")
    file.write_text(file.read_text().replace("hosts: {}", f"hosts:\n{hosts}"))
    return Path("fleet").absolute()


def test_a_group_is_pinned_at_once_from_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as one, serving() as two, serving() as three:
        prints = [shown(capsys, ilo) for ilo in (one, two, three)]
        root = fleet_of([one, two, three])
        lines = [f"web1 {prints[0]}", f"web2/ilo {WRONG}", f"{three.url.removeprefix('https://')} {prints[2].lower()}"]
        Path("list").write_text("\n".join(["# from the supplier", *lines]))
        code, told = trust(capsys, "--fleet", "fleet", "--fingerprints", "list")
        assert (code, [one["verdict"] for one in told]) == (4, ["pinned", "other fingerprint", "pinned"])
        assert len(list((root / "trusted").iterdir())) == 2
        found, _ = gaps(capsys, "front", "--fleet", "fleet")
        assert [cause for cause, _, _ in found] == ["not trusted"]
        code, told = trust(capsys, "front", "--fleet", "fleet", "--fingerprints", "list")
        assert [one["verdict"] for one in told] == ["kept", "other fingerprint", "kept"]
        Path("list").write_text(f"web2 {prints[1]}\n")
        code, told = trust(capsys, "front", "--fleet", "fleet", "--fingerprints", "list")
        assert (code, [one["verdict"] for one in told]) == (0, ["kept", "pinned", "kept"])
        code, told = trust(capsys, "--list", "--fleet", "fleet")
        assert sorted(str(one["certificate"]["fingerprint"]) for one in told) == sorted(prints)  # type: ignore[index]
        assert {one["by"] for one in told} == {"ops1"}
        code, told = trust(capsys, "web1", "--remove", "--fleet", "fleet")
        assert (code, [one["verdict"] for one in told]) == (0, ["removed"])
        assert main(["trust", "front", "--remove", "--fleet", "fleet"]) == 2
        assert len(list((root / "trusted").iterdir())) == 2


def test_a_pin_counts_where_the_inventory_would_not_verify(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as ilo:
        fleet_of([ilo], verify="false")
        port = int(ilo.url.rpartition(":")[2])
        assert "WARNING" in gaps(capsys, "web1", "--fleet", "fleet")[1]
        _, [told] = trust(capsys, "web1", "--fleet", "fleet")
        certificate = told["certificate"]
        assert isinstance(certificate, dict)
        trust(capsys, "web1", "--fleet", "fleet", "--fingerprint", str(certificate["fingerprint"]))
        found, said = gaps(capsys, "web1", "--fleet", "fleet")
        assert (found, "WARNING" in said) == ([], False)
    with serving(port=port):
        [(cause, _, _)], _ = gaps(capsys, "web1", "--fleet", "fleet")
        assert cause == "not trusted"


def test_a_damaged_pin_trusts_nothing_and_can_be_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as ilo:
        fingerprint = shown(capsys, ilo)
        _, [told] = trust(capsys, uri(ilo), "--fingerprint", fingerprint)
        path = Path(str(told["file"]))
        path.write_text(path.read_text()[:-60])
        assert main(["check", uri(ilo)]) == 2
        assert str(path) in capsys.readouterr().err
        assert main(["trust", "--list"]) == 3
        assert ilo.requests == []
        code, [told] = trust(capsys, uri(ilo), "--fingerprint", fingerprint)
        assert (code, told["verdict"]) == (0, "pinned")


def test_a_full_disk_leaves_the_pin_that_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as ilo:
        port = int(ilo.url.rpartition(":")[2])
        _, [told] = trust(capsys, uri(ilo), "--fingerprint", shown(capsys, ilo))
        path = Path(str(told["file"]))
        before = path.read_bytes()
    with serving(port=port) as other:
        now = shown(capsys, other)

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        assert main(["trust", uri(other), "--fingerprint", now]) == 3
        assert "What was pinned before stays." in capsys.readouterr().err
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]


def test_an_ilo_that_is_not_there_is_no_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as ilo:
        gone = uri(ilo)
    code, [told] = trust(capsys, gone)
    assert (code, told["verdict"], told["certificate"]) == (3, "not reached", None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no iLO is named"),
        (["/"], "none of these targets is an iLO"),
        (["ilo://a", "ilo://b", "--fingerprint", WRONG], "is for one iLO"),
        (["ilo://a", "--fingerprint", "AB:CD"], "is no SHA-256 fingerprint"),
        (["ilo://a", "--fingerprint", WRONG, "--remove"], "only one can be meant"),
        (["--fingerprints", "nowhere"], "nowhere"),
        (["ilo://a", "--remove"], "nothing is pinned"),
    ],
)
def test_mistakes_are_said(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trust", *words]) == 2
    assert told in capsys.readouterr().err
