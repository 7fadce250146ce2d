"""What query parameters make of a resource: ``$expand``, ``$select``, ``only``; others are refused or passed over.

Source: DSP0266 1.20, 7.3. What is offered is what the service root says in ``ProtocolFeaturesSupported``; a root that
says nothing offers none and passes all over, as a firmware before the parameters does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, cast

from auditor.surfaces.ilo.body import Body, Json, at
from auditor.surfaces.ilo.simulator.parts import Reply, message

_LEVELS: Final = re.compile(r"(?P<kind>[.*~])(\(\$levels=(?P<levels>[0-9]{1,3})\))?")
_OFFERED_AS: Final = {".": "NoLinks", "~": "Links", "*": "ExpandAll"}
_ALWAYS: Final = ("@odata.id", "@odata.type", "@odata.etag", "@odata.context")

Read: TypeAlias = "Callable[[str], Body | None]"


class _RefusedError(Exception):
    def __init__(self, status: int, name: str, *arguments: str) -> None:
        self.reply = Reply(status, (message(f"Base.1.4.{name}", *arguments),))


def view(body: Body, query: Mapping[str, str], features: Json, read: Read) -> Reply:
    """The resource as the query asks for it, or why it is not given. ``read`` gives other resources."""
    if not isinstance(features, dict):
        return Reply(200, body=body)
    try:
        return Reply(200, body=_view(body, query, features, read))
    except _RefusedError as refused:
        return refused.reply


def _view(body: Body, query: Mapping[str, str], features: Body, read: Read) -> Body:
    for name in query:
        if name.startswith("$") and not _offered(name, features):
            raise _RefusedError(501, "QueryNotSupported", name)
    if "only" in query and features.get("OnlyMemberQuery") is True:
        if len(query) > 1:
            raise _RefusedError(400, "QueryCombinationInvalid")
        return _only(body, query["only"], read)
    if "$expand" in query:
        inside, outside, levels = _expansion(query["$expand"], at(features, "/ExpandQuery"))
        body = cast(Body, _expanded(body, inside, outside, levels, read, in_links=False))
    if "$select" in query:
        body = _selected(body, query["$select"])
    return body


def _offered(name: str, features: Body) -> bool:
    if name == "$expand":
        return isinstance(features.get("ExpandQuery"), dict)
    return name == "$select" and features.get("SelectQuery") is True


def _only(body: Body, value: str, read: Read) -> Body:
    members = body.get("Members")
    if value or not isinstance(members, list):
        raise _RefusedError(400, "QueryNotSupportedOnResource", "only")
    alone = read(str(at(members[0], "/@odata.id"))) if len(members) == 1 else None
    return body if alone is None else alone


def _expansion(value: str, offered: Json) -> tuple[bool, bool, int]:
    """Whether links inside ``Links`` and outside of it are to be expanded, and how deep."""
    asked = _LEVELS.fullmatch(value)
    if asked is None:
        raise _RefusedError(400, "QueryParameterValueTypeError", value, "$expand")
    kind, levels = asked["kind"], int(asked["levels"] or 1)
    if at(offered, f"/{_OFFERED_AS[kind]}") is not True:
        raise _RefusedError(501, "QueryNotSupported", f"$expand={kind}")
    deepest = at(offered, "/MaxLevels")
    if not 1 <= levels <= (deepest if isinstance(deepest, int) else 1):
        raise _RefusedError(400, "QueryParameterOutOfRange", str(levels), "$levels", f"1 to {deepest}")
    return kind != ".", kind != "~", levels


def _expanded(
    value: Json, inside: bool, outside: bool, levels: int, read: Read, *, in_links: bool, members: bool = False
) -> Json:
    if isinstance(value, list):
        return [_expanded(one, inside, outside, levels, read, in_links=in_links, members=members) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"@odata.id"} or (members and "@odata.id" in value):
        wanted = inside if in_links else outside
        body = read(str(value["@odata.id"])) if wanted else None
        if body is None:
            return value
        return body if levels == 1 else _expanded(body, inside, outside, levels - 1, read, in_links=False)
    return {
        name: _expanded(
            one, inside, outside, levels, read, in_links=in_links or name == "Links", members=name == "Members"
        )
        for name, one in value.items()
    }


def _selected(body: Body, value: str) -> Body:
    """The members named, each a path with slashes, and what says which resource it is."""
    paths = [one.strip() for one in value.split(",")]
    if not all(paths):
        raise _RefusedError(400, "QueryParameterValueTypeError", value, "$select")
    chosen: Body = {name: one for name, one in body.items() if name in _ALWAYS}
    for path in paths:
        _keep(body, path.split("/"), chosen)
    return chosen


def _keep(body: Body, path: list[str], chosen: Body) -> None:
    name, *rest = path
    if name not in body:
        return  # a member that the resource has not: nothing to show
    inner = body[name]
    if not rest or not isinstance(inner, dict):
        chosen[name] = inner
        return
    kept = chosen.setdefault(name, {})
    if isinstance(kept, dict):
        _keep(inner, rest, kept)
