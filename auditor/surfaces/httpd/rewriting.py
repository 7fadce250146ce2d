"""What mod_rewrite makes of a path: the rules of a server, and those of a directory or location.

Source: ``hook_uri2file``, ``hook_fixup``, ``apply_rewrite_rule`` and ``config_perdir_merge``. A rule of the server that
rewrites without PT makes a file name: mod_proxy's and mod_alias's own lines are not asked any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from auditor.surfaces.httpd import effective, regexes
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import atoi
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.file_places import FilePlace, Settings, depends, in_files
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.routes import Route, rewrite_flags
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_MAX_RULES: Final = 10_000
_REWRITING: Final = frozenset({"rewritecond", "rewriterule"})
_OWN: Final = _REWRITING | {"rewritebase", "rewriteengine", "rewritemap", "rewriteoptions"}
_ACTING: Final = frozenset({"p", "proxy", "f", "forbidden", "g", "gone", "r", "redirect", "h", "handler", "e", "env"})
_ANYTHING: Final = frozenset({"^", ".*", "(.*)", "^(.*)", "^.*", "^(.*)$", "^.*$", "(.*)$", ".*$"})


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A RewriteRule taken apart. ``expression`` None cannot be tried; ``conditional``: a RewriteCond stands before."""

    directive: Directive
    words: tuple[str, ...]
    flags: dict[str, str]
    expression: regexes.Expression | None
    negated: bool
    conditional: bool

    @property
    def proxies(self) -> bool:
        """Whether it has the flag P."""
        return bool({"p", "proxy"} & self.flags.keys())

    @property
    def refuses(self) -> bool:
        """Whether it ends the request with 403 or 410, whatever else it says."""
        return bool({"f", "forbidden", "g", "gone"} & self.flags.keys())

    @property
    def chained(self) -> bool:
        """Whether the next rule is left out where this one does not match."""
        return bool({"c", "chain"} & self.flags.keys())

    @property
    def skips(self) -> int:
        """How many rules are left out where this one matches."""
        return max(0, atoi(self.flags.get("s") or self.flags.get("skip") or "0"))

    @property
    def acts(self) -> bool:
        """Whether it does more than to match: it rewrites, ends the request, or sets a handler."""
        return self.words[1] != "-" or bool(_ACTING & self.flags.keys())


class Rewritten(msgspec.Struct, frozen=True):
    """What the rules made of a path. ``proxied`` is the rule that hands it to the URL in ``path``.

    ``ended`` says that a rule refused or redirected it; ``to_file`` that ``path`` is a file name by now.
    """

    path: str
    proxied: Directive | None = None
    ended: str = ""
    to_file: bool = False


def rewrite(rules: Sequence[Rule], path: str, doubts: list[str]) -> Rewritten:
    """The path after the rules; what makes that uncertain is added to ``doubts``."""
    changed = False
    index = -1
    while (index := index + 1) < len(rules):
        rule = rules[index]
        words, flags = rule.words, rule.flags
        if rule.expression is None:
            doubts.append(f"the pattern of RewriteRule {words[0]} cannot be tried here")
            continue
        match = rule.expression.search(path)
        if (match is None) != rule.negated:
            while index < len(rules) and rules[index].chained:
                index += 1
            continue
        if rule.conditional:
            doubts.append(f"RewriteRule {words[0]} depends on its RewriteCond, decided per request")
            continue
        doubts += _side_effects(rule)
        ended = _ended(rule)
        if rule.proxies and not rule.refuses:
            return Rewritten(_proxied_url(rule, match, doubts), proxied=rule.directive)
        if ended:
            return Rewritten(path, ended=ended)
        if words[1] != "-":
            new = _new_path(words[1], match, doubts)
            if new is not None and path.startswith("/") and not new.startswith("/"):
                doubts.append(f"RewriteRule {words[0]} makes a path without a slash in front")
            path, changed = (path if new is None else new), True
        if {"pt", "passthrough"} & flags.keys():
            return Rewritten(path)
        if {"l", "last", "end"} & flags.keys():
            break
        if {"n", "next"} & flags.keys():
            doubts.append(f"RewriteRule {words[0]} has a flag (N) that is not followed")
        index += rule.skips
    return Rewritten(path, to_file=changed)


def _side_effects(rule: Rule) -> Iterator[str]:
    """What a rule that matches sets beside the path: a handler, or the variable that switches ProxyPass off."""
    written = f"RewriteRule {rule.words[0]} ({rule.directive.source})"
    if {"h", "handler"} & rule.flags.keys():
        yield f"{written} sets a handler"
    if "no-proxy" in rule.words[-1].lower():
        yield f"{written} may set no-proxy, and then ProxyPass does not count"


def _proxied_url(rule: Rule, match: re.Match[str] | None, doubts: list[str]) -> str:
    url = regexes.substituted(rule.words[1], match) if match else rule.words[1]
    if re.search(r"%\d|%\{|\$\{", url):
        doubts.append(f"the URL of RewriteRule {rule.words[0]} holds variables, decided per request")
    return url


def _ended(rule: Rule) -> str:
    """How a rule ends the request: refused, gone or redirected; empty where it does not."""
    words, flags = rule.words, rule.flags
    for flag, what in (("f", "refused"), ("forbidden", "refused"), ("g", "gone"), ("gone", "gone")):
        if flag in flags:
            return f"RewriteRule {words[0]}: {what}"
    if {"r", "redirect"} & flags.keys() or re.match(r"[a-z][a-z0-9+.-]*://", words[1], re.IGNORECASE):
        return f"RewriteRule {words[0]} redirects"
    return ""


def _new_path(template: str, match: re.Match[str] | None, doubts: list[str]) -> str | None:
    path = regexes.substituted(template, match) if match else template
    if re.search(r"%\d|%\{|\$\{", path):
        doubts.append("a RewriteRule makes a path of variables, decided per request")
        return None
    return path.partition("?")[0]


def server_rules(model: Model, server: Server) -> tuple[Rule, ...]:
    """The rewrite rules of a server with their conditions, in order; with the main server's where it inherits them.

    Source: ``config_server_merge``. Whether it rewrites, and its options, are the main server's where it says nothing.
    """
    if not rewrites(model, server):
        return ()
    own = list(_own_rules(server))
    if server.is_main:
        return tuple(own[:_MAX_RULES])
    above = {word.lower() for word in model.main.words("rewriteoptions")}
    options = {word.lower() for word in server.words("rewriteoptions")} or above
    downward = above if "ignoreinherit" not in options else set()
    if "inherit" in options or "inheritdown" in downward:
        own = [*own, *_own_rules(model.main)]
    elif "inheritbefore" in options or "inheritdownbefore" in downward:
        own = [*_own_rules(model.main), *own]
    return tuple(own[:_MAX_RULES])


def _own_rules(server: Server) -> Iterator[Rule]:
    level = 0 if server.is_main else 1
    yield from _rules(one for one in server.everywhere(_REWRITING) if len(one.within) <= level)


def _rules(directives: Iterable[Directive]) -> Iterator[Rule]:
    """RewriteRule lines taken apart, each with whether a RewriteCond stands before it."""
    conditional = False
    for directive in directives:
        name = directive.name.lower()
        if name == "rewritecond":
            conditional = True
        elif name == "rewriterule":
            words = split_words(directive.arguments)
            if len(words) > 1:
                flags = rewrite_flags(words[2]) if len(words) > 2 else {}
                negated, pattern = words[0].startswith("!"), words[0].removeprefix("!")
                expression = regexes.compiled(pattern, ignore_case=bool({"nc", "nocase"} & flags.keys()))
                yield Rule(directive, words, flags, expression, negated, conditional)
            conditional = False


def rewrites(model: Model, server: Server) -> bool:
    """Whether RewriteEngine is on for the server itself: as it says, else as the main server does.

    A virtual host without any line of mod_rewrite has no configuration of it, and so rewrites nothing.
    """
    return (server.is_main or bool(server.everywhere(_OWN))) and _engine(model, server)


def _engine(model: Model, server: Server) -> bool:
    return first_word(effective.inherited(server, model.main, "rewriteengine")).lower() == "on"


def rules_count(model: Model, server: Server, route: Route) -> bool:
    """Whether a route of a server counts: one of its own rewrite rules does only with RewriteEngine on."""
    return route.match != "rewrite" or route.section is not None or rewrites(model, server)


def inherited_routes(model: Model, server: Server) -> Iterator[Route]:
    """The main server's routes that a virtual host has too."""
    if "rewriteoptions" in server.plain or "rewriteoptions" in model.main.plain:
        rules = {id(rule.directive) for rule in server_rules(model, server)}
        yield from (route for route in model.main_routes.rewrites if id(route.directive) in rules)
    yield from model.main_routes.locations
    yield from model.main_routes.aliases


class DirectoryRules:
    """The rewrite rules that stand in sections of a server."""

    def __init__(self, model: Model, server: Server) -> None:
        names = ("rewriteengine", "rewriteoptions", *_REWRITING)
        self.settings = Settings(model, server, names, nested=True)
        self.on = _engine(model, server)

    def apply(self, path: str, file: FilePlace, doubts: list[str]) -> tuple[Directive, Rewritten] | None:
        """What the rules make of a path, and the first line of theirs; None where they certainly do nothing."""
        if not self.settings.found:
            return None
        unsure: list[Directive] = []
        sections: dict[int, list[Directive]] = {}
        for directive, certain in self.settings.counting(path, file.file):
            if certain:
                sections.setdefault(id(directive.within[-1]), []).append(directive)
            else:
                unsure.append(directive)
        doubtful = next((rule.directive for rule in _rules(unsure) if rule.acts), None)
        if doubtful is not None:
            doubts.append(depends(doubtful))
        groups = list(sections.values())
        if not groups or not self._on(groups):
            return None
        every = [one for group in groups for one in group]
        inherits = any("inherit" in one.arguments.lower() for one in every if one.name.lower() == "rewriteoptions")
        rules = tuple(_rules(every if inherits else groups[-1]))
        acting = next((rule.directive for rule in rules if rule.acts), None)
        if acting is None:
            return None
        subject = self._subject(groups[-1][0], file, rules)
        if subject is None or inherits:
            doubts.append(depends(acting))
            return None
        found = rewrite(rules, subject, doubts)
        if found.to_file:
            doubts.append(f"{depends(acting)}, and on where the path that it makes leads")
        return acting, found

    def of_proxied(self, path: str) -> Iterator[str]:
        """Rules in a <Location> are tried for what a line proxies, too: against its URL, which is not followed."""
        found = [one for one, _ in self.settings.counting(path, "") if not in_files(one)]
        acting = next((rule.directive for rule in _rules(found) if rule.acts), None)
        if acting is not None and self._on([found]):
            yield f"{depends(acting)}; it is tried against the URL of the back end"

    def _on(self, groups: list[list[Directive]]) -> bool:
        """Whether the engine is on: by the last section that says so, else by the server."""
        on = self.on
        for one in (one for group in groups for one in group if one.name.lower() == "rewriteengine"):
            on = first_word(one).lower() == "on"
        return on

    def _subject(self, within: Directive, file: FilePlace, rules: Sequence[Rule]) -> str | None:
        """What the rules are tried against: the path below the directory; None where that is not certain."""
        section = within.within[-1]
        directory = (split_words(section.arguments) or ("",))[0].rstrip("/")
        if section.name.lower() == "directory" and f"{file.base}/".startswith(f"{directory}/"):
            return file.file[len(directory) + 1 :]
        # In a <Location> it is the file's whole name or a part of it: only what takes anything is certain.
        anything = all(rule.words[0] in _ANYTHING for rule in rules)
        return "x" if anything and not any("$" in rule.words[1] for rule in rules) else None
