"""``declared:`` of the inventory: what it gives, for whom, and what is wrong with it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.model.snapshot import Collected, Document, Fact
from auditor.model.target import StoredSnapshot, Target
from auditor.services.fleet import Fleet, load_fleet
from auditor.services.init import TEMPLATE
from auditor.services.observe import interpret_options_for, interpreted
from auditor.surfaces.interface import InterpretOptions

HEAD = "format: auditor.fleet/v1\nfleet: {id: fleet-1, key_id: 00abcdef}\n"
FULL = """\
declared:
  front: {timeout: 2m, keep_alive: 60s}
hosts:
  web1:
    groups: [proxies]
    declared:
      front: {timeout: 90s}
    httpd:
      tree: trees/web1
      declared:
        arrivals: {rate: 2400/min, measured: "access log, 2026-11-20 12:00-13:00"}
        upload: {size: 2GiB, rate: 2Mbit/s}
        routes:
          "shop.example:443 /report*": {front: {timeout: no limit}, arrivals: 5/s, upload: {size: 50MB}}
        backends:
          "http://10.0.0.5:8080": {timeout: 30s, keep_alive: 0s}
    ilo: {url: "https://web1-ilo.example"}
  web2:
    groups: [proxies]
    httpd_instances:
      blue: {tree: trees/blue, declared: {arrivals: 7}}
      green: {archive: green.tar.gz}
groups:
  proxies:
    declared:
      front: {timeout: 100s}
      backends: {"unix:/run/app.sock": {timeout: 500ms}}
"""


def fleet(folder: Path, text: str) -> Fleet:
    (folder / "auditor.yaml").write_text(HEAD + text, encoding="utf-8")
    return load_fleet(folder)


def said(fleet: Fleet, target: str) -> list[tuple[str, str, str, str, float, int]]:
    """Each declaration of a target; lines are counted from the first one below the head."""
    return [
        (one.level, one.about, one.pattern, one.what, one.value, one.source.line - HEAD.count("\n"))
        for one in fleet.declared[target]
    ]


def test_every_level_is_read_with_its_line(tmp_path: Path) -> None:
    full = fleet(tmp_path, FULL)
    report, app, shared = "shop.example:443 /report*", "http://10.0.0.5:8080", "unix:/run/app.sock"
    common = [
        ("group", "server", "", "front_timeout", 100.0, 26),
        ("group", "back end", shared, "timeout", 0.5, 27),
        ("fleet", "server", "", "front_timeout", 120.0, 2),
        ("fleet", "server", "", "front_keep_alive", 60.0, 2),
    ]
    assert said(full, "web1/httpd") == [
        ("target", "server", "", "arrivals", 40.0, 11),
        ("target", "server", "", "upload_size", 2.0**31, 12),
        ("target", "server", "", "upload_rate", 250_000.0, 12),
        ("target", "route", report, "front_timeout", math.inf, 14),
        ("target", "route", report, "arrivals", 5.0, 14),
        ("target", "route", report, "upload_size", 5e7, 14),
        ("target", "back end", app, "timeout", 30.0, 16),
        ("target", "back end", app, "keep_alive", 0.0, 16),
        ("host", "server", "", "front_timeout", 90.0, 7),
        *common,
    ]
    assert said(full, "web2/httpd@blue") == [("target", "server", "", "arrivals", 7.0, 21), *common]
    assert said(full, "web2/httpd@green") == common
    assert "web1/ilo" not in full.declared
    assert full.declared["web1/httpd"][0].measured == "access log, 2026-11-20 12:00-13:00"
    assert str(full.declared["web1/httpd"][0].source) == f"auditor.yaml:{11 + HEAD.count(chr(10))}"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("declared: {fronts: {}}", 1, "'fronts' is not known here; did you mean front?"),
        ("declared: {front: {timeout: 60}}", 1, "a time such as 60s, 2m or `no limit` is expected, not '60'"),
        ("declared: {front: {timeout: 0s}}", 1, "a time such as 60s"),
        ("declared: {front: {timeout: 1000000d}}", 1, "a time such as 60s"),
        ("declared: {front: {timeout: [60s]}}", 1, "not a list"),
        ("declared: {front: 60s}", 1, "a mapping is expected, not text"),
        ("declared:\n  routes:\n    main /a: {front: {keep_alive: 60s}}", 3, "'keep_alive' is not known here"),
        ("declared: {arrivals: -1}", 1, "requests a second are expected, such as 40, 40/s or 2400/min, not '-1'"),
        ("declared: {arrivals: 40/d}", 1, "requests a second are expected"),
        ("declared: {arrivals: 0}", 1, "requests a second are expected"),
        ("declared: {arrivals: {measured: today}}", 1, "rate is missing"),
        ("declared: {upload: {size: 2Mbit}}", 1, "bytes are expected, such as 50MB or 2GiB, not '2Mbit'"),
        ("declared: {upload: {size: 50MB/s}}", 1, "bytes are expected"),
        (
            "declared: {upload: {rate: quick}}",
            1,
            "bytes a second are expected, such as 250kB/s or 2Mbit/s, not 'quick'",
        ),
        ("declared:\n  backends:\n    10.0.0.5: {timeout: 5s}", 3, "'10.0.0.5' is no URL of a back end"),
        ("declared: {backends: {'http://a': {ttl: 5s}}}", 1, "'ttl' is not known here"),
        ("declared: {front: {password: x}}", 1, "no secret stands in this file"),
        ("hosts:\n  web1:\n    httpd: {archive: a.tar, declared: {arrivals: x}}", 3, "requests a second are expected"),
        (
            "hosts:\n  web1:\n    httpd: {archive: a.tar, declared: {upload: {size: 5MB}}}",
            3,
            "upload has no rate, so nothing could be judged by auditor.yaml:5",
        ),
        (
            "hosts:\n  web1:\n    ilo: {url: 'https://a'}\n    declared: {arrivals: 4}",
            4,
            "web1 has no httpd of which this could be declared",
        ),
        ("hosts: {}\ngroups:\n  a:\n    declared: {arrivals: x}", 4, "requests a second are expected"),
    ],
)
def test_every_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(InputError) as caught:
        fleet(tmp_path, text)
    assert f"auditor.yaml:{line + HEAD.count(chr(10))}:" in str(caught.value)
    assert what in str(caught.value)


TWO_GROUPS = """\
hosts:
  web1:
    groups: [a, b]
    httpd: {tree: trees/web1}
%s
groups:
  a: {declared: {front: {timeout: 60s}}}
  b: {declared: {front: {timeout: %s}}}
"""


def test_groups_that_contradict_each_other_are_a_mistake_unless_the_host_decides(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two of its groups declare front_timeout differently"):
        fleet(tmp_path, TWO_GROUPS % ("", "90s"))
    assert len(fleet(tmp_path, TWO_GROUPS % ("", "60s")).declared["web1/httpd"]) == 2
    decided = fleet(tmp_path, TWO_GROUPS % ("    declared: {front: {timeout: 70s}}", "90s"))
    assert decided.declared["web1/httpd"][0].value == 70


def collected() -> Collected:
    text = b'ProxyPass "/report" "http://10.0.0.5:8080/" timeout=200\n<VirtualHost *:443>\nServerName shop.example\n'
    document = Document("httpd.conf", "files/httpd.conf", text + b"</VirtualHost>\n")
    facts = (Fact("main_file", "httpd.conf"), Fact("root", "/etc/httpd"), Fact("version", "2.4.62"))
    return Collected("web1/httpd", "httpd", (document,), facts)


def test_what_is_declared_reaches_the_meaning_also_of_a_stored_state_and_never_the_facts(tmp_path: Path) -> None:
    full = fleet(tmp_path, FULL)
    seen = collected()
    now = next(target for target in full.targets if target.name == "web1/httpd")
    for target in (now, Target("web1", "httpd", StoredSnapshot("latest", "web1/httpd"))):
        observed = interpreted(target, seen, interpret_options_for(target, InterpretOptions(), full))
        route = observed.interpretation.find("httpd.route", "main /report")
        assert route is not None
        assert [str(one.source) for one in route.attributes if one.name == "front_timeout"] == ["auditor.yaml:9"]
        assert observed.collected == seen
    without = interpreted(now, seen, interpret_options_for(now, InterpretOptions(), None))
    assert without.interpretation.find("httpd.route", "main /report").value("front_timeout") is None  # type: ignore[union-attr]


def test_the_example_in_a_new_inventory_is_one(tmp_path: Path) -> None:
    text = TEMPLATE.format(id="fleet-1", key_id="00abcdef").replace("hosts: {}", "hosts:")
    start, end = text.index("#  web1:"), text.index("# groups:")
    lines = [line.removeprefix("#") for line in text[start:end].splitlines(keepends=True)]
    # Either here or over SSH, of which the one leaves out what the other needs.
    hosts = "".join(line for line in lines if not line.strip().startswith(("ssh:", "sudo:")))
    front = text[text.index("# declared:") : text.index("\npolicies:")].replace("# ", "")
    (tmp_path / "auditor.yaml").write_text(f"{text[:start]}{hosts}{front}")
    declared = load_fleet(tmp_path).declared
    assert {one.what for one in declared["web1/httpd"] if one.level == "target"} == {
        "arrivals", "upload_size", "upload_rate", "front_timeout", "timeout", "keep_alive",
    }  # fmt: skip
    assert [one.level for one in declared["web2/httpd@blue"]] == ["fleet", "fleet"]
