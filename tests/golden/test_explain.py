"""What `explain` says of the sample tree, URL by URL, as its JSON carries it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.services.sample import SAMPLE
from auditor.surfaces.httpd.answer import answer_json
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions


@pytest.mark.parametrize(
    ("name", "url", "version"),
    [
        ("shared", "https://shop.example/api/orders", ""),
        ("unit", "https://www.shop.example/search?q=1", ""),
        ("balancer", "https://shop.example/pay/1", "2.4.6"),
        ("frozen", "http://intra/staff/", "2.4.62"),
        ("captured", "http://intra.example/staffbook", ""),
        ("not-proxied", "http://intra.example/logo.png", ""),
        ("unknown-name", "https://other.example/app/x", ""),
    ],
)
def test_explain(name: str, url: str, version: str, golden: Callable[[str, str], None]) -> None:
    target = Target("web1", "httpd", LocalTree(str(SAMPLE)))
    collected = asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32))))
    answer = explain(resolve_collected(collected, InterpretOptions()), url, version)
    golden(f"explain/{name}.json", json.dumps(answer_json(answer), indent=2) + "\n")
