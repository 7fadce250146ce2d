"""What a collection of an httpd means: its resources, each attribute with the place that decides it."""

from __future__ import annotations

from auditor.model.snapshot import Collected, Interpretation
from auditor.surfaces.httpd.declared import Declared
from auditor.surfaces.httpd.directive_resources import directive_resources
from auditor.surfaces.httpd.plain_resources import file_resources, module_resources, package_resources
from auditor.surfaces.httpd.resolving import known_release, resolve_collected
from auditor.surfaces.httpd.servers import split_servers
from auditor.surfaces.httpd.state_resources import with_state
from auditor.surfaces.httpd.understanding import understood
from auditor.surfaces.interface import InterpretOptions


def interpret(collected: Collected, options: InterpretOptions) -> Interpretation:
    """The resources of a collection, sorted by kind and name, with the gaps of collecting and of understanding.

    What hangs on something unknown (a module list, the version) is undetermined, with the cause; never a guess.
    """
    resolved = resolve_collected(collected, options)
    version = known_release(collected, options)
    mpm = collected.fact("mpm")
    declared = Declared(options.declared)
    resources, gaps = understood(resolved, version, mpm if isinstance(mpm, str) else "", declared)
    gaps += declared.unmatched(resources)
    resources += directive_resources(split_servers(resolved))
    resources += module_resources(resolved)
    resources += file_resources(collected, resolved)
    resources += package_resources(collected)
    resources = with_state(resources, collected, resolved)
    resources.sort(key=lambda one: (one.kind, one.name))
    every_gap = dict.fromkeys((*collected.gaps, *resolved.gaps, *gaps))
    return Interpretation(collected.target, collected.surface, tuple(resources), tuple(every_gap))
