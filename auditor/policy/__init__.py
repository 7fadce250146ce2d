"""Rules, baselines and waivers: read with their places, checked against the kinds, put to what was found. Pure."""

from __future__ import annotations

from auditor.policy.baselines import compare_baseline, load_baseline
from auditor.policy.evaluate import HostFacts, evaluate
from auditor.policy.known import load_known, record_known
from auditor.policy.rules import LoadedPolicy, load_policy
from auditor.policy.waivers import doubtful_waivers, load_waivers

__all__ = [
    "HostFacts",
    "LoadedPolicy",
    "compare_baseline",
    "doubtful_waivers",
    "evaluate",
    "load_baseline",
    "load_known",
    "load_policy",
    "load_waivers",
    "record_known",
]
