"""What may make a request's end another while the time-outs that govern stay: told beside the answer.

Source: ``cache_quick_handler`` and ``cache_handler`` of mod_cache, ``balancer_handler``, ``hc_check``,
``ap_proxy_share_worker`` (what BalancerPersist keeps). Measured on 2.4.71: they stay over restarts and reloads;
a stale entry is answered with 200 after the read time-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from auditor.surfaces.httpd import effective
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.file_places import Settings, in_files
from auditor.surfaces.httpd.governing import Governing, Model
from auditor.surfaces.httpd.servers import Server, readable
from auditor.surfaces.httpd.words import split_words
from auditor.surfaces.httpd.workers import Balancer

_CACHING: Final = ("cacheenable", "cachedisable")


class Asides:
    """What is told beside the answers of one model; what does not depend on the URL is found out once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._caches: dict[str, Settings] = {}

    @cached_property
    def _manager(self) -> Directive | None:
        """The line that lets people change balancers while the server runs."""
        handlers = (one for one in self.model.resolved.directives if one.name.lower() == "sethandler")
        return next((one for one in handlers if first_word(one).lower() == "balancer-manager"), None)

    def of_kept_state(self, balancer: Balancer) -> Iterator[str]:
        """Why the parameters of a balancer's members may be others than those written."""
        owner = self.model.by_name[balancer.server]
        found = effective.inherited(owner, self.model.main, "balancerpersist")
        if found is not None and first_word(found).lower() == "on":
            yield readable(
                f"BalancerPersist ({found.source}): members keep the parameters that they had before, time-outs "
                f"included, over every restart and reload, whatever {balancer.name} says by now"
            )

    def of_request(
        self, server: Server, path: str, balancer: Balancer | None, targets: tuple[Governing, ...], *, tls: bool
    ) -> Iterator[str]:
        """Notes on a proxied request."""
        if balancer is not None:
            yield from self._of_balancer(targets)
        yield from self._cached(server, path)
        yield from self._over_http2(server, tls=tls)

    def _of_balancer(self, targets: tuple[Governing, ...]) -> Iterator[str]:
        if self._manager is not None:
            yield (
                f"balancer-manager ({self._manager.source}) lets members be added, disabled and given other duties "
                "while the server runs: that is not seen here"
            )
        for one in targets if self.model.loads("proxy_hcheck_module") else ():
            method = one.worker.parameters.get("hcmethod") if one.worker is not None else None
            if method is not None and method.value.lower() != "none":
                yield readable(
                    f"{method.written} ({method.directive.source}): a member whose health checks fail is left "
                    "out until they succeed; where none is left, 503 comes at once"
                )
                return

    def _cached(self, server: Server, path: str) -> Iterator[str]:
        if not self.model.loads("cache_module"):
            return
        settings = self._caches.get(server.name)
        if settings is None:
            settings = self._caches[server.name] = Settings(self.model, server, _CACHING)
        enabled: Directive | None = None
        for directive, certain in settings.counting(path, ""):
            words = split_words(directive.arguments)
            position = 1 if directive.name.lower() == "cacheenable" else 0
            prefix = words[position] if len(words) > position else "/"
            if in_files(directive) or (prefix.startswith("/") and not path.lower().startswith(prefix.lower())):
                continue
            if position:
                enabled = directive
            elif certain and prefix.startswith(("/", "on")):
                return
        if enabled is not None:
            yield readable(
                f"CacheEnable ({enabled.source}): what mod_cache holds is answered without the back end, and where "
                "that fails with a 5xx a stale entry is (CacheStaleOnError)"
            )

    def _over_http2(self, server: Server, *, tls: bool) -> Iterator[str]:
        found = effective.inherited(server, self.model.main, "protocols")
        words = split_words(found.arguments.lower()) if found is not None else ()
        if found is not None and ("h2" if tls else "h2c") in words and self.model.loads("http2_module"):
            yield (
                f"Protocols ({found.source}): a client that speaks HTTP/2 is held to other limits than those told here "
                "(H2StreamTimeout since 2.4.55)"
            )
