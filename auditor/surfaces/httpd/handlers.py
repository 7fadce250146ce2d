"""Which module speaks the protocol of a proxy URL, and what a balancer needs beside its own module.

Where no loaded module speaks it, mod_proxy answers 500 at once (AH01144). Without a module for its shared memory and
one for its method, mod_proxy_balancer keeps httpd from starting, though the check of the syntax finds nothing.
Source: ``proxy_handler`` and ``balancer_post_config``; measured on 2.4.6, 2.4.37 and 2.4.71.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_SPEAKS: Final = {
    "http": "http",
    "https": "http",
    "h2": "http2",
    "h2c": "http2",
    "ws": "wstunnel",
    "wss": "wstunnel",
    "fcgi": "fcgi",
    "ajp": "ajp",
    "scgi": "scgi",
    "uwsgi": "uwsgi",
    "ftp": "ftp",
    "balancer": "balancer",
}
_BALANCER: Final = "proxy_balancer_module"
_METHODS: Final = frozenset({"byrequests", "bytraffic", "bybusyness", "heartbeat"})


def unserved(model: Model, server: Server, scheme: str) -> str | None:
    """The module (``proxy_fcgi_module``) that a scheme wants and that is not loaded; empty where it is.

    None where that cannot be said: the compiled-in modules are not known, or the scheme is that of a module of others.
    Nothing is missed in a part of a configuration that loads no module at all.
    """
    spoken = _SPEAKS.get(model.protocol(server, scheme))
    if spoken is None:
        return None
    module = f"proxy_{spoken}_module"
    if model.loads(module, unknown=False) or not model.loads_modules:
        return ""
    return module if model.resolved.modules_known else None


def not_known(model: Model, server: Server, schemes: Iterable[str]) -> str:
    """Why it cannot be said whether modules speak these schemes; empty where it can."""
    unsure = [scheme for scheme in dict.fromkeys(schemes) if unserved(model, server, scheme) is None]
    if not unsure:
        return ""
    asked = f"whether a module for {', '.join(unsure)} is compiled in is not known"
    return f"{asked}: give --module or --no-other-modules, or run where the server is"


def never_starts(model: Model) -> Iterator[tuple[Directive, str]]:
    """Lines with which httpd does not start for want of a module, with the reason; its syntax check is silent."""
    if not model.resolved.modules_known or not model.loads(_BALANCER, unknown=False):
        return
    if not model.loads("slotmem_shm_module", unknown=False):
        for one in model.resolved.directives:
            if one.name.lower() == "loadmodule" and split_words(one.arguments)[:1] == (_BALANCER,):
                yield one, "mod_proxy_balancer needs mod_slotmem_shm, which is not loaded: httpd does not start"
                return
    for routes in model.routes.values():
        for balancer in routes.workers.balancers.values():
            set_by = balancer.parameters.get("lbmethod")
            method = "byrequests" if set_by is None else set_by.value
            if method in _METHODS and not model.loads(f"lbmethod_{method}_module", unknown=False):
                line = balancer.definition if set_by is None else set_by.directive
                yield (
                    line,
                    f"the balancer's method needs mod_lbmethod_{method}, which is not loaded: httpd does not start",
                )
