from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.source import FileSource
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.workers import (
    ProxyWorker,
    WorkerSet,
    find_merged,
    lower_authority,
    parse_back_end,
    pattern_matches,
)
from tests.unit.surfaces.httpd.trees import meaning, of, route

LINE = Directive("ProxyPass", "", FileSource("f", 1, 1))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("HTTP://Back.Example:80/Path", "http://back.example/Path"),
        ("https://b:443", "https://b"),
        ("http://b:8080/", "http://b:8080/"),
        ("ajp://b:8009/x", "ajp://b/x"),
        ("fcgi://b:8000", "fcgi://b"),
        ("unix:/run/a.sock|http://localhost:80/x", "http://localhost/x"),
        ("unix:/run/a.sock|fcgi:///srv", "fcgi://localhost/srv"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("/path", None),
        ("nonsense", None),
        ("http://", None),
    ],
)
def test_names_of_proxy_workers(written: str, name: str | None) -> None:
    found = parse_back_end(written)
    assert (found.name if found else None) == name


def worker(url: str, *, matchable: bool = False) -> ProxyWorker:
    back_end = parse_back_end(url, pattern=matchable)
    assert back_end is not None
    return ProxyWorker("s", back_end, LINE, "ProxyPass", matchable)


PATHS = st.text("ab/", max_size=6).map(lambda path: f"/{path}")
URLS = st.tuples(st.sampled_from(["http://h", "http://h:81", "https://h"]), PATHS).map("".join)


@given(st.lists(URLS, max_size=12), URLS)
def test_the_longest_name_that_the_url_starts_with_is_found(names: list[str], url: str) -> None:
    workers = WorkerSet()
    made = [worker(name) for name in names]
    for one in made:
        workers.add(one)
    end = lower_authority(url)[1]
    fitting = [one for one in made if len(one.name) >= end and url.startswith(one.name)]
    expected = max(fitting, key=lambda one: len(one.name), default=None)
    assert workers.find(url) is expected
    deeper = {one.name for one in made if one.name.startswith(url) and one.name != url}
    assert {one.name for one in workers.deeper(url)} == deeper


def test_of_equal_names_the_main_servers_comes_first() -> None:
    main, own = WorkerSet(), WorkerSet()
    main.add(worker("http://h/a"))
    own.add(worker("http://h/a"))
    assert find_merged(main, own, "http://h/a/x") is main.workers[0]
    own.add(worker("http://h/a/"))
    assert find_merged(main, own, "http://h/a/x") is own.workers[1]
    assert find_merged(None, own, "http://h/a") is own.workers[0]


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        ("http://h:80/ab", "http://h:80/$1", True),
        ("http://h:80/a", "http://h:80/$1", False),
        ("http://h:80/xx/y/zz", "http://h:80/$1/y/$2", True),
        ("http://h:80/xx/n/zz", "http://h:80/$1/y/$2", False),
        ("http://other/ab", "http://h/$1", False),
        ("http://h/abcd", "http://h/ab", True),
    ],
)
def test_names_with_references(url: str, name: str, expected: bool) -> None:
    assert pattern_matches(url, name, lower_authority(url)[1]) is expected


def test_ten_thousand_workers_are_found_in_linear_time() -> None:
    workers = WorkerSet()
    for number in range(10_000):
        workers.add(worker(f"http://h/path{number:05}/"))
    found = [workers.find(f"http://h/path{number:05}/x") for number in range(10_000)]
    assert found == workers.workers


def test_a_route_without_a_path_at_its_url_is_governed_by_the_worker_with_the_slash() -> None:
    text = "Listen 80\nProxyPass /b http://h.example:81/ timeout=9\nProxyPass /a http://h.example:81 timeout=2\n"
    found = route(meaning(text), "main /a")
    assert of(found, "read_timeout", "own_timeout_ignored") == (9, True)


def test_fcgi_and_references_do_not_reuse_connections() -> None:
    lines = (
        "ProxyPass /f fcgi://h:9000/",
        "ProxyPass /g fcgi://g:9000/ enablereuse=on",
        "ProxyPassMatch ^/m/(.*)$ http://m/$1",
        "ProxyPass /n http://n/ disablereuse=On",
        "ProxyPass /o http://o/",
    )
    seen = meaning("Listen 80\n" + "\n".join(lines) + "\n")
    names = ("/f", "/g", "^/m/(.*)$", "/n", "/o")
    assert [of(route(seen, f"main {name}"), "reuse") for name in names] == [False, True, False, False, True]
