"""What mod_rewrite makes of a path: the rules of a server, and those of a directory or location.

Source: ``hook_uri2file``, ``hook_fixup``, ``apply_rewrite_rule`` and ``config_perdir_merge``. A rule of the server that
rewrites without PT makes a file name: mod_proxy's and mod_alias's own lines are not asked any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.effective import first_word
from auditor.surfaces.httpd.file_places import FilePlace, Settings, depends
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.routes import rewrite_flags
from auditor.surfaces.httpd.servers import Server
from auditor.surfaces.httpd.words import split_words

_MAX_RULES: Final = 10_000
_REWRITING: Final = frozenset({"rewritecond", "rewriterule"})
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
    for rule in rules:
        words, flags = rule.words, rule.flags
        if rule.expression is None or not rule.expression.may_try(path):
            doubts.append(f"the pattern of RewriteRule {words[0]} cannot be tried here")
            continue
        match = rule.expression.search(path)
        if (match is None) != rule.negated:
            continue
        if rule.conditional:
            doubts.append(f"RewriteRule {words[0]} depends on its RewriteCond, decided per request")
            continue
        if rule.proxies:
            return Rewritten(_proxied_url(rule, match, doubts), proxied=rule.directive)
        ended = _ended(rule)
        if ended:
            return Rewritten(path, ended=ended)
        if words[1] != "-":
            new = _new_path(words[1], match, doubts)
            path, changed = (path if new is None else new), True
        if {"pt", "passthrough"} & flags.keys():
            return Rewritten(path)
        if {"l", "last", "end"} & flags.keys():
            break
        if {"n", "next", "c", "chain", "s", "skip"} & flags.keys():
            doubts.append(f"RewriteRule {words[0]} has a flag (N, C or S) that is not followed")
    return Rewritten(path, to_file=changed)


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
    """The rewrite rules of a server with their conditions, in order; the main server's where it inherits them."""
    own = list(_own_rules(server))
    options = {word.lower() for word in server.words("rewriteoptions")}
    inherits = not server.is_main and options & {"inherit", "inheritbefore"}
    others = list(_own_rules(model.main)) if inherits else []
    first, second = (others, own) if "inheritbefore" in options else (own, others)
    return tuple((*first, *second)[:_MAX_RULES])


def _own_rules(server: Server) -> Iterator[Rule]:
    if not rewrites(server):
        return
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


def rewrites(server: Server) -> bool:
    """Whether RewriteEngine is on for the server itself; it is not taken over from the main server."""
    return first_word(server.last("rewriteengine")).lower() == "on"


class DirectoryRules:
    """The rewrite rules that stand in sections of a server."""

    def __init__(self, model: Model, server: Server) -> None:
        names = ("rewriteengine", "rewriteoptions", *_REWRITING)
        self.settings = Settings(model, server, names, nested=True)
        state = server.last("rewriteengine") or model.main.last("rewriteengine")
        self.on = first_word(state).lower() == "on"

    def proxied(self, path: str, file: FilePlace, doubts: list[str]) -> tuple[Directive, str] | None:
        """The rule that proxies a path, and the URL; None where none does."""
        if not self.settings.found:
            return None
        unsure: list[Directive] = []
        sections: dict[int, list[Directive]] = {}
        for directive, certain in self.settings.counting(path, file.file):
            if certain:
                sections.setdefault(id(directive.within[-1]), []).append(directive)
            else:
                unsure.append(directive)
        doubtful = next((rule.directive for rule in _rules(unsure) if rule.proxies), None)
        if doubtful is not None:
            doubts.append(depends(doubtful))
        groups = list(sections.values())
        if not groups or not self._on(groups):
            return None
        last = groups[-1]
        rules = tuple(_rules(last))
        if not any(rule.proxies for rule in rules):
            return None
        subject = self._subject(last[0], file, rules)
        inherits = any("inherit" in one.arguments.lower() for one in last if one.name.lower() == "rewriteoptions")
        if subject is None or inherits:
            doubts.append(depends(next(rule.directive for rule in rules if rule.proxies)))
            return None
        found = rewrite(rules, subject, doubts)
        if found.proxied is None and found.to_file:
            doubts.append(depends(last[0]))
        return None if found.proxied is None else (found.proxied, found.path)

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
