"""The shapes of the files that people write, and a reader that gathers every mistake.

The structs name the keys; the JSON Schemas for editors are made from them (:mod:`auditor.policy.schema`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from auditor.errors import InputError
from auditor.model.policy import Severity
from auditor.policy.document import Item, Place, mistake, suggestion

POLICY_FORMAT: Final = "auditor.policy/v1"
BASELINE_FORMAT: Final = "auditor.baseline/v1"
WAIVERS_FORMAT: Final = "auditor.waivers/v1"
CATALOGUE_FORMAT: Final = "auditor.firmware-catalogue/v1"

Meta = msgspec.Meta
Written = str | int | float | bool
RuleId = Annotated[
    str,
    Meta(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$", description="Stable, never used again: `HTTPD-TIMEOUT-001`."),
]


class WordingForm(msgspec.Struct, forbid_unknown_fields=True):
    """A rule's text in another language, with the same attributes in braces."""

    title: Annotated[str, Meta(description="The title, in that language.")]
    message: Annotated[str, Meta(description="The message, with attributes in braces.")]
    rationale: Annotated[str, Meta(description="Why it matters; left out: said in English.")] = ""
    by_hand: Annotated[str, Meta(description="Why there is no remedy, and what to do instead.")] = ""


class RuleForm(msgspec.Struct, forbid_unknown_fields=True):
    """A rule: a condition in CEL that every resource of a kind must meet."""

    id: RuleId
    title: Annotated[str, Meta(description="What holds where the rule is met, in one line.")]
    severity: Severity
    kind: Annotated[str, Meta(description="The kind of resource it judges: `httpd.route`.")]
    assert_: Annotated[str, Meta(description="CEL over `self` and `host`; true is a pass.")] = msgspec.field(
        name="assert"
    )
    message: Annotated[str, Meta(description="What is wrong, with attributes in braces: `{name}`, `{read_timeout}`.")]
    where: Annotated[str, Meta(description="CEL that selects resources; left out: all of the kind.")] = ""
    what: Annotated[str, Meta(description="What is examined.")] = ""
    rationale: Annotated[str, Meta(description="Why it matters.")] = ""
    limits: Annotated[str, Meta(description="What it does not see.")] = ""
    example: Annotated[str, Meta(description="A configuration that fails, and one that passes.")] = ""
    references: Annotated[list[str], Meta(description="The facts it rests on.")] = []
    remedy: Annotated[
        dict[str, Written | list[Written]],
        Meta(description="Attribute and wanted value; `KIND.ATTRIBUTE` is one of that kind's resource of this name."),
    ] = {}
    remedy_safe: Annotated[bool, Meta(description="The remedy changes nothing but what it names.")] = False
    remedy_agreed: Annotated[
        list[str], Meta(description="Kinds: the remedy is what the fleet's baselines agree on them.")
    ] = []
    by_hand: Annotated[str, Meta(description="Why there is no remedy, and what to do instead.")] = ""
    ja: Annotated[WordingForm | None, Meta(description="The same in Japanese, for `--lang ja`.")] = None


class PolicyForm(msgspec.Struct, forbid_unknown_fields=True):
    """A file of rules."""

    format: Literal["auditor.policy/v1"]
    rules: list[RuleForm]


class AgreedForm(msgspec.Struct, forbid_unknown_fields=True):
    """How a value is agreed: one of these."""

    exactly: Written | list[Written] | None = None
    at_least: Written | None = None
    one_of: list[Written | list[Written]] | None = None


class NamesForm(msgspec.Struct, forbid_unknown_fields=True):
    """Which resources of the kind there are: these and no other, or at least these."""

    exactly: list[str] | None = None
    at_least: list[str] | None = None


class ResourceForm(msgspec.Struct, forbid_unknown_fields=True):
    """Agreed values of resources of one kind."""

    kind: str
    name: Annotated[str, Meta(description="The resource's name, or a pattern with `*`.")] = "*"
    names: NamesForm | None = None
    values: Annotated[
        dict[str, Written | list[Written] | AgreedForm], Meta(description="Attribute and agreed value, or `unmanaged`.")
    ] = {}


class BaselineForm(msgspec.Struct, forbid_unknown_fields=True):
    """Agreed values for groups or hosts."""

    format: Literal["auditor.baseline/v1"]
    name: str
    resources: list[ResourceForm]
    description: str = ""
    groups: Annotated[list[str], Meta(description="Names of groups, or patterns with `*`.")] = []
    hosts: Annotated[list[str], Meta(description="Names of hosts, or patterns with `*`.")] = []


class WaiverForm(msgspec.Struct, forbid_unknown_fields=True):
    """A rule that is not enforced on a scope until a day."""

    rule: Annotated[str, Meta(description="A rule's id, or a pattern with `*`.")]
    scope: Annotated[str, Meta(description="A host, a target or an address, or a pattern with `*`.")]
    owner: str
    reason: str
    expires: Annotated[str, Meta(description="The last day, as in 2026-12-31 (UTC).", pattern=r"^\d{4}-\d{2}-\d{2}$")]
    ticket: str = ""


class WaiversForm(msgspec.Struct, forbid_unknown_fields=True):
    """A file of waivers."""

    format: Literal["auditor.waivers/v1"]
    waivers: list[WaiverForm]


class NeedForm(msgspec.Struct, forbid_unknown_fields=True):
    """What must be installed before a version."""

    component: Annotated[str, Meta(description="The id of a component of the catalogue.")]
    at_least: Annotated[str, Meta(description="The version that it must have at least.")]


class CatalogueVersionForm(msgspec.Struct, forbid_unknown_fields=True):
    """A version of a component: its artefact, what it needs first, and what takes it back."""

    version: Annotated[str, Meta(description="As the machine shows it, or without the build date.")]
    file: Annotated[str, Meta(description="The artefact, relative to the catalogue's folder.")] = ""
    sha256: Annotated[str, Meta(description="The artefact's SHA-256.", pattern=r"^[0-9A-Fa-f]{64}$")] = ""
    needs: Annotated[list[NeedForm], Meta(description="What must be installed first, in this order.")] = []
    back: Annotated[str, Meta(description="The version whose artefact takes this one back.")] = ""
    irreversible: Annotated[bool, Meta(description="Nothing takes this version back.")] = False


class CatalogueComponentForm(msgspec.Struct, forbid_unknown_fields=True):
    """A component and its versions."""

    id: Annotated[str, Meta(description="Its name in this catalogue.", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    match: Annotated[str, Meta(description="The machine's name for it, or a pattern with `*`.")]
    versions: list[CatalogueVersionForm]
    device_class: Annotated[str, Meta(description="The device class that its artefacts are for; left out: any.")] = ""
    targets: Annotated[list[str], Meta(description="The targets that its artefacts are for; left out: any.")] = []


class CatalogueForm(msgspec.Struct, forbid_unknown_fields=True):
    """A firmware catalogue."""

    format: Literal["auditor.firmware-catalogue/v1"]
    components: list[CatalogueComponentForm]


class Fields:
    """Reads the members of a mapping; every mistake goes to one list, and reading goes on.

    What is missing or wrong reads as empty, so a caller looks at ``mistakes`` before it uses what it read.
    """

    def __init__(self, item: Item, form: type[msgspec.Struct], mistakes: list[InputError]) -> None:
        self.item = item
        self.mistakes = mistakes
        info = msgspec.structs.fields(form)
        self.known = tuple(field.encode_name for field in info)
        if item.members is None:
            self._say(item.place, f"a mapping with {', '.join(self.known[:4])} is expected, not {item.what()}")
            return
        for (key, _), place in zip(item.members, item.key_places, strict=True):
            if key not in self.known:
                hint = suggestion(key, self.known) or f"; known are {', '.join(self.known)}"
                self._say(place, f'unknown key "{key}"{hint}')
        for field in info:
            if field.required and item.get(field.encode_name) is None:
                self._say(item.place, f'"{field.encode_name}" is missing')

    def _say(self, place: Place, what: str, next_step: str | None = None) -> None:
        self.mistakes.append(mistake(place, what, next_step))

    def text(self, key: str) -> str:
        """A text, outer blanks removed; numbers and the like are taken as written."""
        found = self.item.get(key)
        if found is None:
            return ""
        if found.text is None:
            self._say(found.place, f"text is expected, not {found.what()}")
            return ""
        text = found.text.strip()
        if not text and key in self.known:
            self._say(found.place, "text is expected, and nothing is there")
        return text

    def exact(self, key: str) -> str:
        """A text as it is: blanks inside quotes count, as they do in the names of resources."""
        found = self.item.get(key)
        return (found.text or "") if found is not None and found.text and not found.plain else self.text(key)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of several words."""
        text = self.text(key)
        found = self.item.get(key)
        if found is not None and text and text not in choices:
            hint = suggestion(text, choices) or f"; known are {', '.join(choices)}"
            self._say(found.place, f'"{text}" is not known{hint}')
        return text

    def flag(self, key: str) -> bool:
        """True or false; false where it is not there."""
        found = self.item.get(key)
        if found is None:
            return False
        if not isinstance(found.scalar, bool):
            self._say(found.place, f"true or false is expected, not {found.what()}")
        return found.scalar is True

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text alone is a list of one."""
        found = self.item.get(key)
        if found is None:
            return ()
        return read_texts(found, self.mistakes)

    def items(self, key: str) -> tuple[Item, ...]:
        """A list of anything."""
        found = self.item.get(key)
        if found is None:
            return ()
        if found.items is None:
            self._say(found.place, f"a list is expected, not {found.what()}")
            return ()
        return found.items

    def members(self, key: str) -> tuple[tuple[str, Item], ...]:
        """A mapping's members, in order."""
        found = self.item.get(key)
        if found is None:
            return ()
        if found.members is None:
            self._say(found.place, f"a mapping is expected, not {found.what()}")
            return ()
        return found.members


def read_texts(item: Item, mistakes: list[InputError]) -> tuple[str, ...]:
    """A list of texts; one text alone is a list of one."""
    if item.text is not None:
        return (item.text,)
    if item.items is None:
        mistakes.append(mistake(item.place, f"a list of texts is expected, not {item.what()}"))
        return ()
    mistakes += (mistake(one.place, f"text is expected, not {one.what()}") for one in item.items if one.text is None)
    return tuple(one.text for one in item.items if one.text is not None)


def require_format(item: Item, wanted: str, key: str, mistakes: list[InputError]) -> tuple[Item, ...]:
    """The entries of a file: of its list ``key`` under ``format: wanted``, or of a bare list."""
    if item.items is not None:
        return item.items
    if item.members is None:
        mistakes.append(mistake(item.place, f"a file of {key} is expected, not {item.what()}"))
        return ()
    form: type[msgspec.Struct] = PolicyForm if wanted == POLICY_FORMAT else WaiversForm
    fields = Fields(item, form, mistakes)
    fields.choice("format", (wanted,))
    return fields.items(key)
