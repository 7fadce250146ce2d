"""What an expression uses, with which types, and what must be known before it may be asked.

CEL stops at the first term that decides (``true || self.x > 1`` never looks at ``x``), and ``all()`` over nothing is
true. For an audit both would be a pass without evidence, so every attribute that is read outside the protection of a
``has()`` must be there, and every list that ``all()`` or ``exists()`` walks must hold something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from auditor.model.resource import KindSpec
from auditor.policy.document import suggestion
from auditor.policy.expression import (
    Call,
    ExpressionError,
    Has,
    Index,
    ListOf,
    Literal,
    Macro,
    Member,
    Name,
    Node,
    parse,
    walk,
)

HOST: Final[Mapping[str, str]] = {
    "name": "text",
    "target": "text",
    "surface": "text",
    "groups": "list",
    "httpd_version": "version",
    "mpm": "text",
}
"""Members of ``host`` and their types; the last two may be absent."""

_ORDERED: Final = frozenset({"number", "duration", "text"})
_HINTS: Final = {
    frozenset({"duration", "number"}): 'write a duration as duration("60s")',
    frozenset({"duration", "text"}): 'write a duration as duration("60s")',
    frozenset({"version", "text"}): 'versions are compared by version_at_least(self.version, "2.4.7") and version_is()',
    frozenset({"boolean", "text"}): "write true or false without quotes",
    frozenset({"boolean", "number"}): "write true or false",
    frozenset({"number", "text"}): "write a number without quotes",
}

# Method or function: types of what it takes (operand first), type of what it gives.
_FUNCTIONS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "startsWith": (("text", "text"), "boolean"),
    "endsWith": (("text", "text"), "boolean"),
    "contains": (("text", "text"), "boolean"),
    "matches": (("text", "text"), "boolean"),
    "size": (("text|list",), "number"),
    "duration": (("text",), "duration"),
    "int": (("number|text",), "number"),
    "double": (("number|text",), "number"),
    "string": (("any",), "text"),
    "version_at_least": (("version|text", "text"), "boolean"),
    "version_is": (("version|text", "text"), "boolean"),
}
_METHODS: Final = frozenset({"startsWith", "endsWith", "contains", "matches", "size"})
_GLOBAL: Final = frozenset({"size", "duration", "int", "double", "string", "version_at_least", "version_is"})

Fact = tuple[str, str]
"""``("has", "self.x")``: it is there; ``("filled", "self.x")``: the list is not empty."""


class Uses(msgspec.Struct, frozen=True):
    """What an expression uses of ``self`` and of ``host``.

    ``attributes`` stand in the order in which the expression names them. ``required`` must be there,
    ``filled`` must be lists that hold something, for the expression to be asked; both without what a guard protects.
    ``implies`` is what is known once the expression is true.
    """

    attributes: tuple[str, ...]
    required: frozenset[str]
    filled: frozenset[str]
    host: frozenset[str]
    host_required: frozenset[str]
    implies: frozenset[Fact]


def check_expression(text: str, kind: KindSpec, known: frozenset[Fact] = frozenset()) -> Uses:
    """What a condition over a resource of this kind uses.

    Args:
        text: The expression, which must give true or false.
        kind: The kind of ``self``.
        known: What holds before it is asked (what the rule's ``where`` implies).

    Errors:
        ExpressionError: a syntax error, an unknown attribute, variable or function, types that do not go together.
    """
    node = parse(text)
    type_ = _Types(kind).of(node)
    if type_ not in ("boolean", "any"):
        raise ExpressionError(f"the expression gives {_a(type_)}, not true or false", node.offset)
    attributes, host = _named(node)
    needs = _needs(node, known)
    return Uses(
        attributes=attributes,
        required=frozenset(name[5:] for fact, name in needs if fact == "has" and name.startswith("self.")),
        filled=frozenset(name[5:] for fact, name in needs if fact == "filled"),
        host=host,
        host_required=frozenset(name[5:] for fact, name in needs if fact == "has" and name.startswith("host.")),
        implies=known | _implied(node, truth=True),
    )


def _named(node: Node) -> tuple[tuple[str, ...], frozenset[str]]:
    """Attributes of self in order of their place, members of host."""
    found: dict[str, int] = {}
    host: set[str] = set()

    def visit(one: Node) -> None:
        path = _path(one)
        if path and path.startswith("self."):
            found[path[5:]] = min(one.offset, found.get(path[5:], one.offset))
        elif path:
            host.add(path[5:])

    walk(node, visit)
    return tuple(sorted(found, key=found.__getitem__)), frozenset(host)


def _path(node: Node) -> str:
    """``self.x`` or ``host.x`` for a member of one of the two or a test for it, else nothing."""
    if isinstance(node, Member) and isinstance(node.operand, Name) and node.operand.name in ("self", "host"):
        return f"{node.operand.name}.{node.name}"
    match node:
        case Call(function="in", arguments=(Literal(value=str() as name), Name(name="self" | "host" as variable))):
            return f"{variable}.{name}"
    return ""


# --- what must be known -----------------------------------------------------------------------------------------


def _needs(node: Node, known: frozenset[Fact]) -> frozenset[Fact]:
    """The facts that must hold for every part of the expression to be answerable, without those that are known."""
    match node:
        case Has():
            return frozenset()
        case Call(function="in", arguments=(Literal(), Name(name="self" | "host"))):
            return frozenset()
        case Call(function="&&" | "||" as sign, arguments=(left, right)):
            beyond = known | _implied(left, truth=sign == "&&")
            return _needs(left, known) | _needs(right, beyond)
        case Call(function="?:", arguments=(condition, yes, no)):
            return (
                _needs(condition, known)
                | _needs(yes, known | _implied(condition, truth=True))
                | _needs(no, known | _implied(condition, truth=False))
            )
        case Member() if _path(node):
            fact = ("has", _path(node))
            return frozenset() if fact in known else frozenset({fact})
        case Macro(macro=macro, operand=operand, bodies=bodies):
            needs = _needs(operand, known).union(*(_needs(body, known) for body in bodies))
            fact = ("filled", _path(operand))
            return needs | {fact} if macro in _JUDGING and fact[1] and fact not in known else needs
        case _:
            return frozenset().union(*(_needs(child, known) for child in _below(node)))


_JUDGING: Final = frozenset({"all", "exists", "exists_one"})


def _below(node: Node) -> tuple[Node, ...]:
    match node:
        case Call(operand=operand, arguments=arguments):
            return arguments if operand is None else (operand, *arguments)
        case ListOf(items=items):
            return items
        case Index(operand=operand, index=index):
            return (operand, index)
        case Member(operand=operand):
            return (operand,)
        case _:
            return ()


def _implied(node: Node, *, truth: bool) -> frozenset[Fact]:
    """What is known once the expression has given ``truth``."""
    match node:
        case Has(member=member) if truth and _path(member):
            return frozenset({("has", _path(member))})
        case Call(function="in", arguments=(Literal(), Name())) if truth and _path(node):
            return frozenset({("has", _path(node))})
        case Call(function="!", arguments=(inner,)):
            return _implied(inner, truth=not truth)
        case Call(function="&&" | "||" as sign, arguments=(left, right)):
            ours, theirs = _implied(left, truth=truth), _implied(right, truth=truth)
            return ours | theirs if (sign == "&&") == truth else ours & theirs
        case Call(function=sign, arguments=(left, Literal(value=0))) if _sized(left):
            filled = (sign in (">", "!=") and truth) or (sign == "==" and not truth)
            return frozenset({("filled", _sized(left))}) if filled else frozenset()
        case _:
            return frozenset()


def _sized(node: Node) -> str:
    """The list whose size is asked for, or nothing."""
    match node:
        case Call(function="size", operand=None, arguments=(inner,)):
            return _path(inner)
        case Call(function="size", operand=inner, arguments=()) if inner is not None:
            return _path(inner)
    return ""


# --- types ------------------------------------------------------------------------------------------------------


def _a(type_: str) -> str:
    names = {"text": "text", "any": "any value", "null": "nothing", "boolean": "a truth value"}
    return names.get(type_, f"a {type_}")


class _Types:
    """The type that each node gives; what does not fit raises."""

    def __init__(self, kind: KindSpec) -> None:
        self.kind = kind
        self.variables: tuple[str, ...] = ()

    def of(self, node: Node) -> str:
        match node:
            case Literal(value=value):
                return _type_of_literal(value)
            case Name():
                return self._variable(node)
            case Member():
                return self._member(node)
            case Has(member=member):
                if not _path(member):
                    raise ExpressionError("has() is written as has(self.attribute)", member.offset)
                self._member(member)
                return "boolean"
            case Index(operand=operand, index=index):
                self._expect(operand, "list")
                self._expect(index, "number")
                return "any"
            case ListOf(items=items):
                for item in items:
                    self.of(item)
                return "list"
            case Macro():
                return self._macro(node)
            case Call():
                return self._call(node)

    def _variable(self, node: Name) -> str:
        if node.name in self.variables:
            return "any"
        if node.name in ("self", "host"):
            raise ExpressionError(f"{node.name} is used by its members: {node.name}.NAME", node.offset)
        known = ("self", "host", *self.variables)
        hint = f"; did you mean self.{node.name}?" if self.kind.get(node.name) else suggestion(node.name, known)
        raise ExpressionError(f"unknown variable {node.name!r}{hint}", node.offset)

    def _member(self, node: Member) -> str:
        if not _path(node):
            self.of(node.operand)
            raise ExpressionError(f"attributes have no members such as {node.name!r}", node.offset)
        if _path(node).startswith("host."):
            if node.name not in HOST:
                hint = suggestion(node.name, tuple(HOST)) or f"; known are {', '.join(HOST)}"
                raise ExpressionError(f"unknown member {node.name!r} of host{hint}", node.offset)
            return HOST[node.name]
        return self._attribute(node.name, node.offset)

    def _attribute(self, name: str, offset: int) -> str:
        spec = self.kind.get(name)
        if spec is not None:
            return spec.type
        if self.kind.open:
            return "any"
        hint = suggestion(name, [one.name for one in self.kind.attributes])
        raise ExpressionError(f'unknown attribute "{name}" of {self.kind.name}{hint}', offset)

    def _macro(self, node: Macro) -> str:
        type_ = self.of(node.operand)
        if type_ not in ("list", "any"):
            raise ExpressionError(f"{node.macro}() needs a list, and this is {_a(type_)}", node.offset)
        if node.macro in _JUDGING and not (_path(node.operand) or isinstance(node.operand, ListOf)):
            raise ExpressionError(
                f"{node.macro}() is asked of an attribute, as in self.members.{node.macro}(x, …), so that an empty "
                "list can be told from one that meets the condition",
                node.offset,
            )
        outer = self.variables
        self.variables = (*outer, node.variable)
        types = [self.of(body) for body in node.bodies]
        self.variables = outer
        conditions = types if node.macro != "map" else types[:-1]
        for type_, body in zip(conditions, node.bodies, strict=False):
            if type_ not in ("boolean", "any"):
                raise ExpressionError(f"a condition is expected, and this is {_a(type_)}", body.offset)
        return "list" if node.macro in ("map", "filter") else "boolean"

    def _call(self, node: Call) -> str:
        match node.function:
            case "&&" | "||" | "!":
                for argument in node.arguments:
                    self._expect(argument, "boolean")
                return "boolean"
            case "==" | "!=" | "<" | "<=" | ">" | ">=":
                self._compare(node)
                return "boolean"
            case "in":
                return self._membership(node)
            case "?:":
                condition, yes, no = node.arguments
                self._expect(condition, "boolean")
                return self._alike(node, yes, no)
            case "+" | "-" | "*" | "/" | "%" | "negate":
                return self._arithmetic(node)
            case _:
                return self._function(node)

    def _membership(self, node: Call) -> str:
        if _path(node):
            variable, _, name = _path(node).partition(".")
            offset = node.arguments[0].offset
            self._member(Member(offset, Name(offset, variable), name))
            return "boolean"
        self.of(node.arguments[0])
        self._expect(node.arguments[1], "list")
        return "boolean"

    def _compare(self, node: Call) -> None:
        left, right = (self.of(argument) for argument in node.arguments)
        equality = node.function in ("==", "!=")
        if "version" in (left, right):
            raise ExpressionError(f"a version is not compared by {node.function}; {_HINT_VERSION}", node.offset)
        if "secret" in (left, right) and not (equality and left == right):
            raise ExpressionError(
                "a secret is only compared with a secret by == or !=, or asked for by has()", node.offset
            )
        if not equality and (left not in _ORDERED | {"any"} or right not in _ORDERED | {"any"}):
            odd = left if left not in _ORDERED | {"any"} else right
            raise ExpressionError(f"{_a(odd)} has no order, so {node.function} means nothing", node.offset)
        self._alike(node, *node.arguments)

    def _alike(self, node: Call, left: Node, right: Node) -> str:
        ours, theirs = self.of(left), self.of(right)
        if "any" in (ours, theirs):
            return theirs if ours == "any" else ours
        if ours != theirs:
            hint = _HINTS.get(frozenset({ours, theirs}), "")
            raise ExpressionError(
                f"{_shown(left)}{_a(ours)} and {_shown(right)}{_a(theirs)} do not go together"
                + (f"; {hint}" if hint else ""),
                node.offset,
            )
        return ours

    def _arithmetic(self, node: Call) -> str:
        allowed = {"+": ("number", "duration", "text", "list"), "-": ("number",)}
        for argument in node.arguments:
            type_ = self.of(argument)
            if type_ not in (*allowed.get(node.function, ("number",)), "any"):
                raise ExpressionError(f"{_a(type_)} cannot be reckoned with here", argument.offset)
        if len(node.arguments) == 1:
            return "number"
        return self._alike(node, *node.arguments)

    def _function(self, node: Call) -> str:
        usable = _METHODS if node.operand is not None else _GLOBAL
        if node.function not in usable:
            hint = suggestion(node.function, tuple(usable)) or f"; known are {', '.join(sorted(usable))}"
            raise ExpressionError(f"unknown function {node.function}(){hint}", node.offset)
        takes, gives = _FUNCTIONS[node.function]
        arguments = node.arguments if node.operand is None else (node.operand, *node.arguments)
        if len(arguments) != len(takes):
            raise ExpressionError(f"{node.function}() takes {len(takes)} values, not {len(arguments)}", node.offset)
        for argument, wanted in zip(arguments, takes, strict=True):
            self._expect(argument, *wanted.split("|"))
        _check_literal(node, arguments)
        return gives

    def _expect(self, node: Node, *wanted: str) -> None:
        type_ = self.of(node)
        if type_ != "any" and "any" not in wanted and type_ not in wanted:
            expected = " or ".join(_a(one) for one in wanted)
            raise ExpressionError(f"{expected} is expected, and {_shown(node)}{_a(type_)} stands here", node.offset)


_HINT_VERSION: Final = _HINTS[frozenset({"version", "text"})]


def _shown(node: Node) -> str:
    path = _path(node)
    return f"{path}, " if path and isinstance(node, Member) else ""


def _type_of_literal(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case None:
            return "null"
        case _:
            return "bytes"


def _check_literal(node: Call, arguments: tuple[Node, ...]) -> None:
    """Durations and patterns that are written out are tried at once, not at three in the morning."""
    position = {"duration": 0, "matches": 1}.get(node.function)
    if position is None:
        return
    literal = arguments[position]
    if not isinstance(literal, Literal) or not isinstance(literal.value, str):
        if node.function == "duration":
            raise ExpressionError('duration() takes a written text, as in duration("60s")', literal.offset)
        return
    import cel  # heavy: it loads when rules are

    try:
        expression = "duration(text)" if node.function == "duration" else '"".matches(text)'
        cel.compile(expression).execute({"text": literal.value})
    except (ValueError, RuntimeError, TypeError) as error:
        what = (
            f'{literal.value!r} is no duration; write "500ms", "60s", "5m" or "1h"'
            if node.function == "duration"
            else f"{literal.value!r} is no regular expression of RE2"
        )
        raise ExpressionError(what, literal.offset) from error
