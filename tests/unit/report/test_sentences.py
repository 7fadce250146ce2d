"""What other rooms say in English is said in Japanese where it is known, and stays as it is where not."""

from __future__ import annotations

import pytest

from auditor.cli.forms.doctor import diagnosis_json, show_diagnosis
from auditor.model.diagnosis import Diagnosis, TargetDiagnosis
from auditor.model.snapshot import Collected, Fact
from auditor.report.interface import Style
from auditor.report.sentences import said
from auditor.surfaces.httpd.diagnosis import Account, checks_of
from tests.unit.surfaces.httpd.trees import ask


def test_the_doctor_says_in_japanese_what_it_found() -> None:
    seen = Collected("web1/httpd", "httpd", (), (Fact("running", False),))
    account = Account("audit", {}, "refused", "")
    found = Diagnosis((), (TargetDiagnosis("web1/httpd", "audit", tuple(checks_of(seen, account))),))
    japanese = show_diagnosis(found, Style(lang="ja", version="1.0"))
    for english in ("no server runs this tree", "sudo -n is refused", "Say it with --httpd-version"):
        assert english in show_diagnosis(found, Style(lang="en", version="1.0"))
        assert english not in japanese
    assert "no server runs this tree" in diagnosis_json(found, Style(lang="ja", version="1.0"))


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("ProxyPass /app http://10.0.0.5/ timeout=300\nProxyPass /api http://10.0.0.5/api timeout=6", "/api"),
        ("ProxyPass /a http://10.0.0.5/ timeout=500ms", "/a"),
        ("ProxyPass /a h2c://back.example/", "/a"),
        ("Timeout 0\nProxyPass /a http://10.0.0.5/", "/a"),
        ("ProxyPass /a ajp://10.0.0.5/", "/a"),
        ("ProxyPass /a/no !\nProxyPass /a http://10.0.0.5/", "/a/no"),
        ("Redirect /a http://else.example/", "/a"),
        ("ProxyRemote * http://10.0.0.8/\nProxyPass /a http://10.0.0.5/", "/a"),
        ("ErrorDocument 502 /a/sorry\nProxyPass /a http://10.0.0.5/", "/a"),
        ("FallbackResource /x/i\nProxyPass /x http://10.0.0.5/", "/a"),
        ("ProxyPass /a/ http://back", "/a/x"),
        ("RewriteEngine On\nRewriteCond %{HTTP:X} y\nRewriteRule ^/a http://10.0.0.9/ [P]", "/a"),
        ("ProxyPassMatch (a+)+$ http://10.0.0.9", "/a"),
        (
            "BalancerPersist On\n<Proxy balancer://p>\nBalancerMember http://10.0.0.5\n</Proxy>\nProxyPass /a balancer://p",
            "/a",
        ),
        ("CacheEnable disk /\nProtocols h2c\nProxyPass /a http://10.0.0.5/", "/a"),
        ("RewriteEngine On\nRewriteRule ^/a http://10.0.0.9/ [P]", "/a"),
        ('<Directory /x>\nSetHandler "proxy:fcgi://b:9000"\n</Directory>', "/a"),
        (
            "<Proxy balancer://p>\nBalancerMember http://10.0.0.5 hcmethod=GET\n</Proxy>\n"
            "<Location /m>\nSetHandler balancer-manager\n</Location>\nProxyPass /a balancer://p timeout=3",
            "/a",
        ),
    ],
)
def test_what_explain_says_of_common_configurations_is_known(lines: str, path: str) -> None:
    answer = ask(f"Listen 80\n{lines}\n", f"http://x.example{path}")
    sentences = [answer.why_not, answer.connect_note, *answer.notes, *answer.undetermined]
    sentences += [one.reason for one in answer.chain]
    sentences += [one.text for one in answer.failures]
    for text in filter(None, sentences):
        assert said(text, "ja") != text, text
        assert said(text, "en") == text


def test_several_sentences_are_said_one_by_one_and_names_are_kept() -> None:
    text = "It looks like a fault of the back end. Nobody knows this one. Before 2.4.24 the status is 400."
    assert said(text, "ja") == (
        "バックエンドの障害のように見えます。 Nobody knows this one. 2.4.24 より前の状態は 400 です。"
    )
    assert said("the worker was made by {0} ProxyPass /表", "ja") == "ワーカーは {0} ProxyPass /表 で作成されています"
    assert said("nothing that is known", "ja") == "nothing that is known"
