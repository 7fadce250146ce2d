"""The grammar of CEL, read into a small tree so that an expression can be checked before it runs.

The library compiles and runs expressions; it does not tell which members of a variable they use, under which
condition, and with which types. What is not understood here is refused, so nothing escapes the checks.

Source: the Common Expression Language specification, ``doc/langdef.md``, section "Syntax".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias

import msgspec

MAX_LENGTH: Final = 8_000
MAX_DEPTH: Final = 40


class ExpressionError(Exception):
    """What is wrong with an expression, and at which character (zero-based)."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset


class _Node(msgspec.Struct, frozen=True):
    """Base of all nodes; ``offset`` is where the node's own token begins."""

    offset: int


class Literal(_Node, frozen=True):
    """A constant; ``value`` is its Python value."""

    value: str | bytes | int | float | bool | None


class Name(_Node, frozen=True):
    """A variable."""

    name: str


class Member(_Node, frozen=True):
    """``operand.name``, or ``operand["name"]`` with a constant text."""

    operand: Node
    name: str


class Index(_Node, frozen=True):
    """``operand[index]`` with anything but a constant text."""

    operand: Node
    index: Node


class Call(_Node, frozen=True):
    """``function(arguments)`` or ``operand.function(arguments)``; operators too, by their sign (``&&``, ``?:``)."""

    function: str
    operand: Node | None
    arguments: tuple[Node, ...]


class ListOf(_Node, frozen=True):
    """``[a, b]``."""

    items: tuple[Node, ...]


class Macro(_Node, frozen=True):
    """``operand.all(variable, body)`` and its like; ``bodies`` are the expressions over the variable."""

    macro: str
    operand: Node
    variable: str
    bodies: tuple[Node, ...]


class Has(_Node, frozen=True):
    """``has(operand.name)``."""

    member: Member


Node: TypeAlias = Literal | Name | Member | Index | Call | ListOf | Macro | Has

MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import"}
    | {"let", "loop", "package", "namespace", "return", "var", "void", "while"}
)

_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:\s+|//[^\n]*)+)
  | (?P<string>[rRbB]{0,2}(?:'{3}(?:[^\\]|\\.)*?'{3}|"{3}(?:[^\\]|\\.)*?"{3}|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
  | (?P<number>0[xX][0-9a-fA-F]+[uU]?|[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.[0-9]+|[0-9]+[uU]?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)


class _Token(msgspec.Struct, frozen=True):
    type: str
    text: str
    offset: int


def parse(text: str) -> Node:
    """The tree of an expression.

    Errors:
        ExpressionError: it is not an expression, too long or too deep, or uses what is not supported here
            (messages and maps, optional members).
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH:,} characters", 0)
    parser = _Parser(_tokens(text), len(text))
    node = parser.expression()
    parser.end()
    return node


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    offset = 0
    while offset < len(text):
        found = _TOKEN.match(text, offset)
        if found is None:
            raise ExpressionError(_odd(text[offset]), offset)
        if found.lastgroup != "space":
            tokens.append(_Token(str(found.lastgroup), found[0], offset))
        offset = found.end()
    return tokens


def _odd(sign: str) -> str:
    if sign in "\"'":
        return "a text that is not closed"
    hint = f"; write {sign * 2}" if sign in "=&|" else ""
    return f"{sign!r} means nothing here{hint}"


_BINARY: Final = (
    ("||",),
    ("&&",),
    ("==", "!=", "<=", ">=", "<", ">", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Operators by strength, the weakest first."""


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token], length: int) -> None:
        self.tokens = tokens
        self.position = 0
        self.length = length
        self.depth = 0

    @property
    def _next(self) -> _Token:
        if self.position < len(self.tokens):
            return self.tokens[self.position]
        return _Token("end", "", self.length)

    def _take(self, *texts: str) -> _Token | None:
        token = self._next
        if token.text in texts and token.type in ("sign", "word"):
            self.position += 1
            return token
        return None

    def _expect(self, text: str) -> _Token:
        return self._take(text) or self._fail(f"{text!r} is expected")

    def _fail(self, what: str) -> NoReturn:
        token = self._next
        here = f"before {token.text!r}" if token.text else "at the end"
        raise ExpressionError(f"{what} {here}", token.offset)

    def end(self) -> None:
        """Fails unless everything was read."""
        if self._next.type != "end":
            self._fail("an operator is expected")

    def expression(self) -> Node:
        """The condition ``a ? b : c``, or what binds tighter."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", self._next.offset)
        node = self._binary(0)
        mark = self._take("?")
        if mark:
            yes = self._binary(0)
            self._expect(":")
            node = Call(mark.offset, "?:", None, (node, yes, self.expression()))
        self.depth -= 1
        return node

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        node = self._binary(level + 1)
        count = 0
        while operator := self._take(*_BINARY[level]):
            node = Call(operator.offset, operator.text, None, (node, self._binary(level + 1)))
            count += 1
            if count > MAX_DEPTH:  # a chain makes a tree as deep as it is long
                raise ExpressionError(f"more than {MAX_DEPTH} terms in one chain", operator.offset)
        return node

    def _unary(self) -> Node:
        signs: list[_Token] = []
        while sign := self._take("!", "-"):
            signs.append(sign)
            if len(signs) > MAX_DEPTH:
                raise ExpressionError("too many signs", sign.offset)
        node = self._members(self._primary())
        for sign in reversed(signs):
            node = Call(sign.offset, "!" if sign.text == "!" else "negate", None, (node,))
        return node

    def _members(self, node: Node) -> Node:
        length = 0
        while True:
            length += 1
            if length > MAX_DEPTH:
                raise ExpressionError(f"a chain of more than {MAX_DEPTH} members", self._next.offset)
            if self._take("."):
                node = self._after_dot(node)
            elif bracket := self._take("["):
                index = self.expression()
                self._expect("]")
                if isinstance(index, Literal) and isinstance(index.value, str):
                    node = Member(index.offset, node, index.value)
                else:
                    node = Index(bracket.offset, node, index)
            else:
                return node

    def _after_dot(self, operand: Node) -> Node:
        word = self._next
        if word.type != "word" or word.text in RESERVED:
            self._fail("a name is expected")
        self.position += 1
        if not self._take("("):
            return Member(word.offset, operand, word.text)
        if word.text in MACROS:
            return self._macro(word, operand)
        return Call(word.offset, word.text, operand, self._arguments(")"))

    def _macro(self, word: _Token, operand: Node) -> Node:
        arguments = self._arguments(")")
        variable = arguments[0] if arguments else None
        if len(arguments) not in ((2, 3) if word.text == "map" else (2,)) or not isinstance(variable, Name):
            raise ExpressionError(f"{word.text}() is written as list.{word.text}(x, …)", word.offset)
        return Macro(word.offset, word.text, operand, variable.name, arguments[1:])

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._take(closing):
            if items:
                self._expect(",")
            items.append(self.expression())
        return tuple(items)

    def _primary(self) -> Node:
        token = self._next
        self.position += 1
        match token.type, token.text:
            case "sign", "(":
                node = self.expression()
                self._expect(")")
                return node
            case "sign", "[":
                return ListOf(token.offset, self._arguments("]"))
            case "sign", "{":
                raise ExpressionError("maps are not supported in rules", token.offset)
            case "string", _:
                return Literal(token.offset, _string(token))
            case "number", _:
                return Literal(token.offset, _number(token))
            case "word", _:
                return self._word(token)
        self.position -= 1
        self._fail("a value is expected")

    def _word(self, token: _Token) -> Node:
        constants = {"true": True, "false": False, "null": None}
        if token.text in constants:
            return Literal(token.offset, constants[token.text])
        if token.text in RESERVED or token.text == "in":
            raise ExpressionError(f"{token.text!r} is reserved", token.offset)
        if not self._take("("):
            return Name(token.offset, token.text)
        arguments = self._arguments(")")
        if token.text != "has":
            return Call(token.offset, token.text, None, arguments)
        if len(arguments) != 1 or not isinstance(arguments[0], Member):
            raise ExpressionError("has() is written as has(self.attribute)", token.offset)
        return Has(token.offset, arguments[0])


def _number(token: _Token) -> int | float:
    text = token.text.rstrip("uU")
    if text.lower().startswith("0x"):
        return int(text, 16)
    return float(text) if re.search(r"[.eE]", text) else int(text)


def _string(token: _Token) -> str | bytes:
    """The text of a literal; Python's literals agree with CEL's but for a few escapes, which are refused."""
    prefix = re.match(r"[rRbB]*", token.text)
    marks = prefix[0].lower() if prefix else ""
    if "r" not in marks and re.search(r"(?<!\\)(?:\\\\)*\\(?![abfnrtv\\?\"'`xXuU0-3])", token.text):
        raise ExpressionError('the escape is not known; write the text as r"…"', token.offset)
    try:
        value = ast.literal_eval(re.sub(r"\\([?`])", r"\1", token.text) if "r" not in marks else token.text)
    except (SyntaxError, ValueError) as error:
        raise ExpressionError("the text has an escape that is not known", token.offset) from error
    if not isinstance(value, str | bytes):  # pragma: no cover - the token is a text
        raise ExpressionError("a text is expected", token.offset)
    return value


def walk(node: Node, visit: Callable[[Node], None]) -> None:
    """Calls ``visit`` on the node and on all below it, outer ones first."""
    visit(node)
    for child in children(node):
        walk(child, visit)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Member(operand=operand):
            return (operand,)
        case Index(operand=operand, index=index):
            return (operand, index)
        case Call(operand=operand, arguments=arguments):
            return arguments if operand is None else (operand, *arguments)
        case ListOf(items=items):
            return items
        case Macro(operand=operand, bodies=bodies):
            return (operand, *bodies)
        case Has(member=member):
            return (member,)
        case _:
            return ()
