"""The values of the inventory, read as people write them, with every mistake gathered at its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from auditor.errors import InputError
from auditor.policy.document import Item, mistake, suggestion
from auditor.services.naming import valid_host

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEFINE: Final = re.compile(r"[^\s=]+(=.*)?")
_SECRET: Final = re.compile(r"passw(or)?d|passphrase|secret|token|api_?key|credential", re.IGNORECASE)


@dataclass
class ValueReader:
    """Reads items, gathering mistakes; what is wrong is left out of the result. Paths are relative to ``file``."""

    file: Path
    mistakes: list[InputError] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The folder of the file."""
        return self.file.parent

    def wrong(self, item: Item | None, what: str, next_step: str | None = None) -> None:
        """Notes a mistake."""
        if item is None:
            self.mistakes.append(InputError(what, where=str(self.file), next_step=next_step))
        else:
            self.mistakes.append(mistake(item.place, what, next_step))

    def mapping(self, item: Item | None) -> tuple[tuple[str, Item], ...]:
        """The members of a mapping of names; nothing where it is empty."""
        if item is None or (item.text is not None and item.scalar is None):
            return ()
        if item.members is None:
            self.wrong(item, f"a mapping is expected, not {item.what()}")
            return ()
        return item.members

    def members(self, item: Item | None, known: list[str]) -> dict[str, Item]:
        """The members of a mapping whose keys are known."""
        found: dict[str, Item] = {}
        for name, member in self.mapping(item):
            if name in known:
                found[name] = member
            elif _SECRET.search(name):
                self.wrong(
                    member,
                    f"{name!r}: no secret stands in this file",
                    "Put it into an environment variable and name that: "
                    "password_env: AUDITOR_ILO_PASSWORD, then remove it here and from git's history.",
                )
            else:
                self.wrong(member, f"{name!r} is not known here{suggestion(name, known)}")
        return found

    def items(self, item: Item | None) -> tuple[Item, ...]:
        """The items of a list."""
        if item is None or (item.text is not None and item.scalar is None):
            return ()
        if item.items is None:
            self.wrong(item, f"a list is expected, not {item.what()}", "Write it in brackets:  [one, two]")
            return ()
        return item.items

    def text(self, item: Item | None, usual: str) -> str:
        """A text as written: ``2.10`` stays ``2.10``."""
        if item is None or (item.text is not None and item.scalar is None):
            return usual
        if item.text is None:
            self.wrong(item, f"text is expected, not {item.what()}")
            return usual
        if not item.text.isprintable():
            self.wrong(item, "control characters have no place here")
            return usual
        return item.text

    def texts(self, item: Item | None) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(text for one in self.items(item) if (text := self.text(one, "")))

    def shipped(self, item: Item | None) -> tuple[str, ...]:
        """A list of names of shipped policies."""
        from auditor.services.check import shipped_policy_files

        known = [Path(name).stem for name, _ in shipped_policy_files()] if item else []
        for one in self.items(item):
            name = self.text(one, "")
            if name and name not in known:
                hint = suggestion(name, known)
                self.wrong(one, f"there is no shipped policy {name!r}{hint}", f"Shipped are: {', '.join(known)}")
        return self.texts(item)

    def names(self, item: Item | None, what: str) -> tuple[str, ...]:
        """A list of names of groups."""
        names = []
        for one in self.items(item):
            name = self.text(one, "")
            if problem := valid_host(name):
                self.wrong(one, f"the {what} {name!r} {problem}")
            else:
                names.append(name)
        return tuple(names)

    def matching(self, item: Item | None, form: re.Pattern[str], usual: str, expected: str) -> str:
        """A text of a certain form."""
        text = self.text(item, "")
        if not text:
            return usual
        if not form.fullmatch(text):
            self.wrong(item, f"{text!r}: {expected} is expected")
            return usual
        return text

    def truth(self, item: Item | None, usual: bool) -> bool:
        """True or false."""
        if item is None:
            return usual
        if item.text is None or not isinstance(item.scalar, bool):
            self.wrong(item, f"true or false is expected, not {item.text or item.what()!r}")
            return usual
        return item.scalar

    def count(self, item: Item | None, usual: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        if item is None:
            return usual
        number = item.scalar if item.text is not None else None
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            self.wrong(item, f"a number from {least} to {most} is expected")
            return usual
        return number

    def url(self, item: Item | None, schemes: tuple[str, ...]) -> str:
        """A URL without credentials."""
        text = self.text(item, "")
        if not text or item is None:
            return ""
        try:
            parts = urlsplit(text)
            usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            usable, parts = False, urlsplit("")
        if not usable:
            self.wrong(item, f"{text!r} is no URL that starts with {' or '.join(one + '://' for one in schemes)}")
        elif parts.username is not None or parts.password is not None:
            self.wrong(item, "no credentials stand in a URL", "Name environment variables instead.")
        return text

    def path(self, item: Item | None, usual: str) -> Path:
        """A path, relative to this file."""
        return self.root / Path(self.text(item, usual)).expanduser()

    def existing(self, item: Item | None) -> Path | None:
        """A file that must be there."""
        text = self.text(item, "")
        if not text:
            return None
        path = self.path(item, "")
        if not path.is_file():
            self.wrong(item, f"there is no file {path}")
            return None
        return path

    def globbed(self, item: Item | None) -> tuple[Path, ...]:
        """The files that paths and patterns name; a pattern may find none, a path must be there."""
        found: set[Path] = set()
        for one in self.items(item):
            text = self.text(one, "")
            if any(sign in text for sign in "*?["):
                if Path(text).is_absolute() or ".." in Path(text).parts:
                    self.wrong(one, "a pattern stays below the folder of this file")
                    continue
                found.update(path for path in self.root.glob(text) if path.is_file())
            elif path := self.existing(one):
                found.add(path)
        return tuple(sorted(found))

    def command(self, item: Item | None) -> tuple[str, ...]:
        """A program with its arguments; a program named with a slash is relative to this file."""
        if item is not None and item.text is not None and item.scalar is not None:
            self.wrong(item, "a list is expected", f"Write it in brackets:  [{', '.join(item.text.split())}]")
            return ()
        words = self.texts(item)
        if words and "/" in words[0]:
            return (str(self.root / words[0]), *words[1:])
        return words

    def environment(self, item: Item | None) -> tuple[tuple[str, str], ...]:
        """Variables by name."""
        found: dict[str, str] = {}
        for name, value in self.mapping(item):
            if _SECRET.search(name):
                self.wrong(value, f"{name!r}: no secret stands in this file")
            elif not VARIABLE.fullmatch(name):
                self.wrong(value, f"{name!r} is no variable's name")
            else:
                found[name] = self.text(value, "")
        return tuple(sorted(found.items()))

    def defines(self, item: Item | None) -> tuple[str, ...]:
        """Names, or ``NAME=VALUE``."""
        for one in self.items(item):
            text = self.text(one, "")
            if not _DEFINE.fullmatch(text):
                self.wrong(one, f"{text!r} is neither NAME nor NAME=VALUE")
        return self.texts(item)
