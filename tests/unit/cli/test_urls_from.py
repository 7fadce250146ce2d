"""``explain --urls-from``: any number of URLs, each answered as it would be alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.cli.run import run

URLS = ["http://shop.example/app/x", "http://shop.example/none", "https://shop.example/api"]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "httpd/conf").mkdir(parents=True)
    (tmp_path / "httpd/conf/httpd.conf").write_text(
        "ServerName shop.example\nListen 80\nListen 443\nProxyPass /app http://10.0.0.5:8080/ timeout=30\n"
        "ProxyPass /api http://10.0.0.6:8080/\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path / "httpd"


def ask(tree: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["explain", str(tree), "--httpd-version", "2.4.62", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_list_gives_the_answers_of_its_urls_in_order(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree.parent / "urls").write_text("# ours\n\n" + "\n".join(URLS) + "\n")
    code, listed, _ = ask(tree, capsys, "--urls-from", "urls", "--format", "json")
    assert code == 0
    _, alone, _ = ask(tree, capsys, *URLS, "--format", "json")
    assert json.loads(listed) == json.loads(alone)
    assert [one["url"] for one in json.loads(listed)["answers"]] == URLS


def test_the_table_of_a_list_is_the_table_of_its_urls(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree.parent / "urls").write_text(URLS[0] + "\n")
    assert ask(tree, capsys, URLS[1], "--urls-from", "urls") == ask(tree, capsys, URLS[1], URLS[0])


def test_a_list_may_come_from_standard_input(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(URLS).encode())))
    code, listed, _ = ask(tree, capsys, "--urls-from", "-", "--format", "json")
    assert code == 0
    assert [one["url"] for one in json.loads(listed)["answers"]] == URLS


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "empty"), ("# nothing\n\n", "empty"), ("http://shop.example/\nftp://x/\nhttp://[y/\n", "http://[y/")],
)
def test_a_list_that_cannot_be_asked_is_refused(
    tree: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    (tree.parent / "urls").write_text(content)
    code, out, err = ask(tree, capsys, "--urls-from", "urls")
    assert (code, out) == (2, "")
    assert said in err


def test_no_url_at_all_is_a_mistake(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ask(tree, capsys)
    assert code == 2
    assert "--urls-from" in err


def test_an_answer_that_is_not_certain_makes_the_list_incomplete(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tree / "conf/httpd.conf").open("a") as file:
        file.write("ProxyPassMatch ^/(?R)x http://10.0.0.7/\n")
    (tree.parent / "urls").write_text("\n".join(URLS))
    code, listed, _ = ask(tree, capsys, "--urls-from", "urls", "--format", "json")
    assert (code, json.loads(listed)["complete"]) == (3, False)
