"""Conditionals that httpd decides while it reads: true, false, or undetermined with the reason.

``<If>``, ``<ElseIf>`` and ``<Else>`` are no such: they are decided per request and stay in ``within``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from auditor.surfaces.httpd import regexes
from auditor.surfaces.httpd.modules import identifier_of, names_module
from auditor.surfaces.httpd.words import split_words

CONDITIONALS: Final = frozenset({"<ifmodule", "<ifdefine", "<ifversion", "<iffile", "<ifdirective", "<ifsection"})

# Directives and sections that the core itself brings, whatever is loaded.
_CORE_DIRECTIVES: Final = frozenset(
    """acceptpathinfo accessfilename adddefaultcharset allowencodedslashes allowoverride
    allowoverridelist cgimapextension cgipassauth cgivar contentdigest defaultruntimedir defaulttype define
    documentroot enablemmap enablesendfile error errordocument errorlog errorlogformat extendedstatus fileetag
    forcetype gprofdir hostnamelookups include includeoptional keepalive keepalivetimeout limitinternalrecursion
    limitrequestbody limitrequestfields limitrequestfieldsize limitrequestline limitxmlrequestbody loglevel
    maxkeepaliverequests maxrangeoverlaps maxrangereversals maxranges mutex namevirtualhost options rlimitcpu rlimitmem
    rlimitnproc seerequesttail serveradmin serveralias servername serverpath serverroot serversignature servertokens
    sethandler setinputfilter setoutputfilter timeout traceenable undefine usecanonicalname
    usecanonicalphysicalport""".split()  # noqa: SIM905 - read as a list of words
)
_CORE_SECTIONS: Final = frozenset(
    """directory directorymatch else elseif files filesmatch if ifdefine ifmodule limit limitexcept location
    locationmatch virtualhost""".split()  # noqa: SIM905 - read as a list of words
)
_MAX_EXPRESSION: Final = 200
_VERSION: Final = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")


class Unsure(msgspec.Struct, frozen=True, gc=False):
    """The conditional cannot be decided; ``cause`` says what is missing and how to give it."""

    cause: str


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """httpd refuses the conditional; ``reason`` says why."""

    reason: str


def negation(arguments: str) -> tuple[bool, str]:
    """Whether the condition is negated, and its first word; the text is what stands before the last ``>``."""
    negated = arguments.startswith("!")
    words = split_words(arguments[1:] if negated else arguments)
    return negated, words[0] if words else ""


def module_loaded(asked: str, loaded: Iterable[str], doubtful: Iterable[str], *, built_in_known: bool) -> bool | Unsure:
    """Whether a module is there, asked by identifier or by source file name (with case).

    ``loaded`` are the identifiers known to be there at this point, ``doubtful`` those loaded under a doubt.
    """
    maybe = ""
    for identifier in loaded:
        answer = names_module(asked, identifier)
        if answer:
            return True
        if answer is None:
            maybe = identifier
    if any(names_module(asked, identifier) is not False for identifier in doubtful):
        return Unsure(f"whether {asked} is loaded depends on a conditional that cannot be decided")
    if maybe:
        return Unsure(f"{maybe} is loaded; whether its source file is called {asked} is not known")
    if not built_in_known:
        return Unsure(
            f"whether {asked} is compiled in is not known; if it is, give --module {identifier_of(asked)},"
            " if nothing else is, --no-other-modules, or run where the server is"
        )
    return False


def version_matches(arguments: str, version: str) -> bool | Unsure | Malformed:
    """What ``<IfVersion …>`` says; ``arguments`` is the text with its ``>``, ``version`` httpd's own or empty."""
    words = list(split_words(arguments))
    if words and words[-1] == ">":
        words.pop()
    elif words and words[-1].endswith(">"):
        words[-1] = words[-1][:-1]
    else:
        return Malformed("<IfVersion> has no closing '>'")
    if not words or len(words) > 2:
        return Malformed("<IfVersion> takes an operator and a version")
    operator, wanted = words if len(words) == 2 else ("=", words[0])
    reverse = operator.startswith("!")
    if reverse and len(operator) > 1:
        operator = operator[1:]
    if operator == "!":
        return Malformed("<IfVersion> has an operator that httpd does not know: '!'")
    answer = _compare(operator, wanted, version)
    return answer if not isinstance(answer, bool) else answer != reverse


def _compare(operator: str, wanted: str, version: str) -> bool | Unsure | Malformed:
    """One comparison, without negation."""
    if operator in ("~", "=", "==") and (operator == "~" or wanted.startswith("/")):
        if wanted.startswith("/"):
            if len(wanted) < 2 or not wanted.endswith("/"):
                return Malformed("<IfVersion> has a regular expression without its closing /")
            wanted = wanted[1:-1]
        return _matches(wanted, version)
    if operator not in ("=", "==", "<", "<=", ">", ">="):
        return Malformed(f"<IfVersion> has an operator that httpd does not know: {operator!r}")
    match = _VERSION.fullmatch(wanted)
    if match is None:
        return Malformed(f"<IfVersion> has a version that httpd does not understand: {wanted!r}")
    have = _VERSION.match(version)
    if have is None:
        return Unsure("the version of httpd is not known; give --httpd-version")
    left = tuple(int(part or 0) for part in have.groups())
    right = tuple(int(part or 0) for part in match.groups())
    return {
        "=": left == right,
        "==": left == right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def _matches(expression: str, version: str) -> bool | Unsure | Malformed:
    """A regular expression against the version; what could cost too much is not tried."""
    if not version:
        return Unsure("the version of httpd is not known; give --httpd-version")
    found = regexes.compiled(expression, version[:32])
    if found is None:
        return _untried(expression)
    return found.search(version[:32]) is not None


def _untried(expression: str) -> Unsure | Malformed:
    """Why an expression was not tried: it is none, or could take too long."""
    if len(expression) <= _MAX_EXPRESSION and "{" not in expression:
        try:
            re.compile(expression)
        except (re.error, RecursionError, OverflowError):
            return Malformed(f"<IfVersion> has a regular expression that is not one: {expression!r}")
    return Unsure("the regular expression cannot be tried here")


def directive_known(asked: str, *, section: bool) -> bool | Unsure:
    """What ``<IfDirective>`` and ``<IfSection>`` say: the core's own are known, others depend on modules."""
    if asked.lower() in (_CORE_SECTIONS if section else _CORE_DIRECTIVES):
        return True
    return Unsure(f"whether any loaded module knows {asked} cannot be told from the files")
