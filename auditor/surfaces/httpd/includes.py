"""A whole configuration in httpd's order: includes, definitions, macros and conditionals resolved.

It asks for files and opens none, so a disk, an archive and a revision of the store read alike. What httpd would refuse
is a gap of cause ``malformed`` with its place; reading goes on as well as can be, so that one mistake hides little.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from auditor.model.snapshot import Cause, Gap
from auditor.model.source import FileSource
from auditor.surfaces.httpd import conditions
from auditor.surfaces.httpd.conditions import Malformed, Unsure
from auditor.surfaces.httpd.directive import Directive, Doubt, Resolved, Section
from auditor.surfaces.httpd.fileset import FileSet
from auditor.surfaces.httpd.known_directives import knows
from auditor.surfaces.httpd.lines import MAX_LINE, LogicalLine, read_lines, split_line, tag_arguments
from auditor.surfaces.httpd.macros import Macro, MacroError, macro_head, substituted
from auditor.surfaces.httpd.modules import identifier_of
from auditor.surfaces.httpd.patterns import NoMatchError, TooDeepError, has_wildcard, included_files
from auditor.surfaces.httpd.since import refused_optional, refused_section
from auditor.surfaces.httpd.variables import Variables
from auditor.surfaces.httpd.words import as_latin, as_path, readable, split_words

MAX_INCLUDE_DEPTH: Final = 128
"""httpd's own limit."""
MAX_DIRECTIVES: Final = 250_000
MAX_PASSED: Final = 1_500_000
"""Lines that are read, or only passed over, each time that their file is included or their macro used."""
MAX_TEXT: Final = 256 * 1024 * 1024
"""Bytes of these lines."""
MAX_REPLACED: Final = 64 * 1024 * 1024
"""Bytes of lines and values after their variables are replaced, all together."""
MAX_GAPS: Final = 1_000
_MAX_TOLD: Final = 1_000
_MAX_SECTION_DEPTH: Final = 1_000


class ResolveOptions(msgspec.Struct, frozen=True):
    """What resolving needs to know beside the files.

    ``root`` is the tree's absolute path on its machine: sources below it are given relative to it, and it is the
    server root until ``ServerRoot`` says otherwise (``server_root`` where that differs). ``defines`` are those of
    the command line (``-D``), taken as complete; a value may be empty. ``modules`` are identifiers known to be there
    beside those loaded; ``built_in`` the compiled-in ones, None where they are not known. ``every_branch`` follows
    conditionals that are false too, as if in doubt: for finding files, not for judging.
    """

    root: str
    server_root: str = ""
    version: str = ""
    defines: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    built_in: tuple[str, ...] | None = None
    every_branch: bool = False


def resolve(files: FileSet, main_file: str, options: ResolveOptions) -> Resolved:
    """The configuration that starts with a main file, given by absolute path. Pure but for what ``files`` does."""
    return _Resolver(files, options).run(main_file)


def ask_for_every_file(
    files: FileSet, main_file: str, options: ResolveOptions, matters: Callable[[bytes], object]
) -> Resolved:
    """Asks for all that is included, also behind conditionals that are false.

    Gives the server root, the modules, and those directives in force that stand in files that ``matters`` says so of.
    It must say so of every file that may lead to another (:data:`auditor.surfaces.httpd.clues.LEADS`); the others are
    passed over.
    """
    plain = _Resolver(files, options, matters)
    resolved = plain.run(main_file)
    if plain.passed_an_include:
        _Resolver(files, msgspec.structs.replace(options, every_branch=True), matters).run(main_file)
    return resolved


class _Stop(Exception):  # noqa: N818 - control flow, no error
    """A bound was reached: what was read so far is all there is."""


class _Open(msgspec.Struct):
    """A section or conditional that is not closed yet, with what to go back to when it is."""

    name: str
    source: FileSource
    within: tuple[Section, ...]
    doubts: tuple[Doubt, ...]
    conditional: bool
    doubtful: bool = False


class _Capture(msgspec.Struct):
    """A macro's body while it is read."""

    name: str
    parameters: tuple[str, ...]
    source: FileSource
    body: list[LogicalLine]
    depth: int = 1


class _Raw(msgspec.Struct):
    """A section whose body is no configuration, while it is passed over."""

    end: str


class _File:
    """State of one file being read: open sections, a false conditional being skipped, a macro being recorded.

    ``used`` is the last physical line of the last Use.
    """

    __slots__ = ("capture", "name", "opened", "skipping", "used")

    def __init__(self, name: str) -> None:
        self.name = name
        self.opened: list[_Open] = []
        self.skipping: list[tuple[str, FileSource]] = []
        self.capture: _Capture | _Raw | None = None
        self.used = 0


class _Frame(msgspec.Struct, frozen=True):
    """A macro in use: its names, outermost first, the file of its definition, and where each was used."""

    macros: tuple[str, ...] = ()
    file: str = ""
    used_at: tuple[FileSource, ...] = ()


class _Line(msgspec.Struct, frozen=True):
    """A line with its variables expanded, and where it stands."""

    text: str
    name: str
    arguments: str
    written: str
    source: FileSource
    doubts: tuple[Doubt, ...]
    state: _File
    frame: _Frame


_Action: TypeAlias = Callable[[_Line], None]
_NO_FRAME: Final = _Frame()


class _Resolver:
    """One reading of one configuration; of those files alone that matter, where that is asked."""

    def __init__(
        self, files: FileSet, options: ResolveOptions, matters: Callable[[bytes], object] | None = None
    ) -> None:
        self.files = files
        self.options = options
        self.matters = matters
        self.passed_over: dict[str, int] = {}
        self.lines_passed = 0
        self.text_passed = 0
        self.replaced = 0
        self.server_root = options.server_root or options.root
        self.variables = Variables(_latin_pairs(options.defines), dict(_latin_pairs(options.environment)))
        self.modules: dict[str, str] = dict.fromkeys(options.built_in or (), "")
        self.modules |= {identifier_of(name): "" for name in options.modules}
        self.doubtful_modules: dict[str, Doubt] = {}
        self.macros: dict[str, Macro] = {}
        self.directives: list[Directive] = []
        self.gaps: dict[Gap, None] = {}
        self.within: tuple[Section, ...] = ()
        self.doubts: tuple[Doubt, ...] = ()
        self.depth = 0
        self.passed_an_include = False
        self.module_answers: dict[str, bool | Unsure] = {}
        self.lines: dict[str, tuple[LogicalLine, ...]] = {}
        self.unended: dict[str, LogicalLine] = {}  # by file: what is left of the last line where its end gets lost
        self.prefix = options.root.rstrip("/") + "/"
        self.actions: dict[str, _Action | None] = {}  # by name as written; None: nothing but a directive

    def run(self, main_file: str) -> Resolved:
        """Reads everything."""
        try:
            self.read_file(main_file, None)
        except _Stop:
            pass
        except RecursionError:
            self.gap("whole configuration", "too large", "sections, macros and includes nest too deep to be followed")
        return Resolved(
            directives=tuple(self.directives),
            server_root=self.server_root,
            main_file=self.relative(main_file),
            modules=tuple(self.modules.items()),
            modules_known=self.options.built_in is not None,
            defines=self.variables.all(),
            gaps=tuple(self.gaps),
            files=tuple(self.relative(path) for path in self.lines),
        )

    # Files

    def read_file(self, path: str, asked_by: FileSource | None) -> None:
        """Reads one file and all that it includes; ``asked_by`` is the Include, None for the main file."""
        if self.depth > MAX_INCLUDE_DEPTH:
            self.gap(str(asked_by), "malformed", f"includes nest deeper than httpd's {MAX_INCLUDE_DEPTH}: a cycle?")
            raise _Stop
        if path in self.passed_over:
            self.pass_file(path)
            return
        lines = self.lines.get(path)
        if lines is None:
            content = self.files.read(path)
            if content is None:
                self.not_read(path, asked_by)
                return
            if self.matters is not None and not self.matters(content):
                self.passed_over[path] = content.count(b"\n") + 1
                self.pass_file(path)
                return
            lines = self.lines[path] = read_lines(content)
            if lines and not content.endswith(b"\n"):
                self.unended[path] = _without_its_end(lines[-1], content)
            self.look_at(content, lines, path)
        state = _File(self.relative(path))
        within, doubts = self.within, self.doubts
        self.depth += 1
        self.lines_passed += len(lines)
        self.text_passed += lines[-1].end if lines else 0
        if path not in self.unended:
            self.consume(lines, state, _NO_FRAME)
        else:
            self.consume(lines[:-1], state, _NO_FRAME)
            lost = 0 < state.used == lines[-1].line - 1
            self.consume((self.unended[path] if lost else lines[-1],), state, _NO_FRAME)
        self.depth -= 1
        self.end_file(state)
        self.within, self.doubts = within, doubts

    def look_at(self, content: bytes, lines: tuple[LogicalLine, ...], path: str) -> None:
        """Notes what httpd refuses about a file as a whole."""
        if content.startswith(b"\xef\xbb\xbf"):
            self.gap(
                f"{self.relative(path)}:1", "malformed", "the file starts with a byte-order mark; httpd refuses it"
            )
        if len(content) >= MAX_LINE:
            for line in lines:
                if len(line.text) >= MAX_LINE:
                    self.gap(f"{self.relative(path)}:{line.line}", "malformed", "the line is too long for httpd")

    def not_read(self, path: str, asked_by: FileSource | None) -> None:
        """Notes why a file is missing."""
        known = self.files.gap(path)
        by = f"included at {asked_by}" if asked_by else "the main file"
        if known is not None:
            self.add_gap(msgspec.structs.replace(known, kinds=()))  # what is included may hold anything
            if known.cause == "unsupported":
                self.gap(self.relative(path), "malformed", f"{by}, is no regular file; httpd does not start")
            return
        if self.files.standing(path) == "absent":
            self.gap(self.relative(path), "absent", f"{by}, does not exist; httpd does not start")
        else:
            self.gap(self.relative(path), "absent", f"{by}, outside of what was collected")

    def end_file(self, state: _File) -> None:
        """Notes what the file leaves open."""
        if isinstance(state.capture, _Capture):
            self.malformed(state.capture.source, "<Macro> is not closed")
        for name, source in state.skipping[:1]:
            self.malformed(source, f"<{name}> is not closed")
        # httpd does not notice what stays open inside a conditional that is true.
        for opened in state.opened:
            if opened.conditional and not opened.doubtful:
                break
            self.malformed(opened.source, f"<{opened.name}> is not closed")

    # Lines

    def consume(self, lines: Iterable[LogicalLine], state: _File, frame: _Frame) -> None:
        """Carries out lines one after the other."""
        directives, actions = self.directives, self.actions
        append = directives.append
        file, used_at = frame.file or state.name, frame.used_at
        macro = frame.macros[-1] if frame.macros else ""
        self.check_size()
        for line in lines:
            name = line.name
            if state.capture is not None or state.skipping:
                self.pass_over(line, state, file)
                continue
            if not name:
                continue
            source = FileSource(file, line.line, line.last_line)
            written = arguments = line.arguments
            doubts = self.doubts
            if "${" in line.text:
                name, arguments, doubts = self.expand(line, source)
                if not name:
                    continue
            try:
                action = actions[name]
            except KeyError:
                action = self.choose(name)
            if action is not None:
                action(_Line(line.text, name, arguments, written, source, doubts, state, frame))
            else:
                append(Directive(name, arguments, source, self.within, doubts, written, macro, used_at))
        self.check_size()

    def pass_file(self, path: str) -> None:
        """Counts the lines of a file that are not looked at: they are bounded as if they were."""
        self.lines_passed += self.passed_over[path]
        self.check_size()

    def check_size(self) -> None:
        """Stops where the configuration is larger than can be read."""
        if len(self.directives) > MAX_DIRECTIVES:
            reason = f"more than {MAX_DIRECTIVES:,} directives"
        elif self.lines_passed > MAX_PASSED or self.text_passed > MAX_TEXT:
            reason = (
                f"more than {MAX_PASSED:,} lines or {MAX_TEXT:,} bytes, counted as often as they are included or used"
            )
        elif self.replaced > MAX_REPLACED:
            reason = f"more than {MAX_REPLACED:,} bytes where variables are replaced"
        else:
            return
        self.gap("whole configuration", "too large", f"{reason}; the rest is not read")
        raise _Stop

    def expand(self, line: LogicalLine, source: FileSource) -> tuple[str, str, tuple[Doubt, ...]]:
        """Name and arguments after expansion, which httpd does before it looks for words; with all doubts."""
        expanded = self.variables.expand(line.text)
        self.replaced += len(expanded.text)
        if self.replaced > MAX_REPLACED:
            self.check_size()
        if expanded.too_long:
            self.malformed(source, "the line grows too long when its variables are replaced", cause="too large")
        doubts = self.doubts
        here = {one.text for one in doubts}
        for doubtful, theirs in expanded.doubtful:
            # Inside the very conditional that the definition depends on, its value is certain.
            if not all(one.text in here for one in theirs):
                doubts += (Doubt("${" + readable(doubtful) + "}", theirs[-1].cause, theirs[-1].source),)
        for unknown in dict.fromkeys(expanded.unknown):
            name = readable(unknown)
            cause = f"{name} is neither defined nor in the known environment; give --env {name}=VALUE"
            doubts += (Doubt("${" + name + "}", cause, source),)
        return *split_line(expanded.text), doubts

    def pass_over(self, line: LogicalLine, state: _File, file: str) -> None:
        """A line that is recorded for a macro, or stands inside a false conditional."""
        if isinstance(state.capture, _Raw):
            self.pass_raw(line, state.capture, state)
            return
        if state.capture is not None:
            self.record(line, state.capture, state)
            return
        name = line.name
        if not name.startswith("<"):
            if name.lower() in ("include", "includeoptional", "use"):
                self.passed_an_include = True
            return
        if not name.startswith("</"):
            state.skipping.append((name[1:], FileSource(file, line.line, line.last_line)))
            return
        wanted = state.skipping[-1][0]
        closed = name[2:-1]
        if closed.lower() != wanted.lower():
            source = FileSource(file, line.line, line.last_line)
            self.malformed(source, f"</{wanted}> is expected here, not </{closed}>")
            if closed.lower() not in (one.lower() for one, _ in state.skipping):
                return
            while state.skipping[-1][0].lower() != closed.lower():
                state.skipping.pop()
        state.skipping.pop()

    def record(self, line: LogicalLine, capture: _Capture, state: _File) -> None:
        """A line of a macro's body; comments are left out, as httpd's line numbers inside a macro show."""
        if line.comment:
            return
        name = line.name.lower()
        if name == "</macro>":
            capture.depth -= 1
            if not capture.depth:
                state.capture = None
                file = capture.source.file
                self.macros[capture.name] = Macro(capture.name, capture.parameters, tuple(capture.body), file)
                return
        elif name == "<macro":
            capture.depth += 1
        capture.body.append(line)

    def open_raw(self, line: _Line) -> None:
        """``<LuaHookFixups …>``, ``<Perl>``: httpd gives the body to the module, up to the end of that name."""
        if tag_arguments(line.arguments) is None:
            self.malformed(line.source, f"{line.name} has no closing '>'")
        self.gap(str(line.source), "undetermined", f"what the code in {line.name}> does is not known")
        line.state.capture = _Raw(f"</{line.name[1:].lower()}")

    def pass_raw(self, line: LogicalLine, raw: _Raw, state: _File) -> None:
        """A line of such a body."""
        if line.text.lower().startswith(raw.end):
            state.capture = None

    # Actions

    def choose(self, name: str) -> _Action | None:
        """What to do at a name; remembered by its spelling."""
        lower = name.lower()
        action: _Action | None = {
            "include": self.include,
            "includeoptional": self.include,
            "define": self.define,
            "undefine": self.undefine,
            "serverroot": self.set_server_root,
            "loadmodule": self.load_module,
            "use": self.use,
            "undefmacro": self.forget_macro,
            "<macro": self.open_macro,
        }.get(lower)
        if action is None and lower in conditions.CONDITIONALS:
            action = self.open_conditional
        elif action is None and (lower.startswith(("<luahook", "<luaquickhandler")) or lower == "<perl"):
            action = self.open_raw
        elif action is None and lower.startswith("<"):
            action = self.close if lower.startswith("</") else self.open_section
        if len(self.actions) < 10_000:
            self.actions[name] = action
        return action

    def emit(self, line: _Line, name: str, arguments: str) -> None:
        """Adds a directive to the flattened order."""
        macro = line.frame.macros[-1] if line.frame.macros else ""
        self.directives.append(
            Directive(name, arguments, line.source, self.within, line.doubts, line.written, macro, line.frame.used_at)
        )

    def words(self, line: _Line, least: int, most: int) -> tuple[str, ...] | None:
        """Emits the directive and gives its words; None, with a gap, where their number is not right."""
        self.emit(line, line.name, line.arguments)
        words = split_words(line.arguments)
        if least <= len(words) <= most and words[0]:
            return words
        number = str(least) if least == most else f"{least} to {most}"
        self.malformed(line.source, f"{line.name} takes {number} argument{'s' if most > 1 else ''}, not {len(words)}")
        return None

    def include(self, line: _Line) -> None:
        """``Include`` and ``IncludeOptional``."""
        words = self.words(line, 1, 1)
        if words is None:
            return
        self.note_unknown_path(line)
        path = self.absolute(as_path(words[0]))
        doubts = self.doubts
        self.doubts = line.doubts
        optional = line.name.lower() == "includeoptional"
        if optional:
            self.note_absent(line, path)
        try:
            for found in included_files(self.files, path, optional=optional):
                self.read_file(found, line.source)
        except NoMatchError as error:
            written = f"{line.name} {readable(words[0])}"
            if self.files.standing(posixpath.join(error.args[1], error.args[0])) == "unknown":
                self.gap(str(line.source), "undetermined", f"{written} leads outside of what was collected")
            else:
                self.gap(str(line.source), "malformed", f"{written} matches nothing; httpd does not start")
        except TooDeepError as error:
            self.malformed(line.source, f"directories nest too deep below {_shown(error.args[0])}: a loop?")
            raise _Stop from error
        self.doubts = doubts

    def note_absent(self, line: _Line, path: str) -> None:
        """Notes an IncludeOptional that leads nowhere, where this version does not start with it."""
        reason = refused_optional(self.options.version)
        named = path
        while has_wildcard(named):
            named = posixpath.dirname(named)
        if reason and self.files.standing(named) == "absent":
            self.refused(line.source, f"{line.name} {line.arguments}: {reason}")
        elif reason and named != path and not has_wildcard(posixpath.basename(path)):
            written = f"whether every directory of {line.arguments} holds it"
            self.gap(str(line.source), "undetermined", f"{written}: {reason}")

    def note_unknown_path(self, line: _Line) -> None:
        """Notes that files may be missed where a variable of unknown value stands in a path."""
        for doubt in line.doubts:
            if doubt.text.startswith("${") and doubt.text in line.written:
                self.gap(str(line.source), "undetermined", f"where {line.name} {line.written} leads: {doubt.cause}")

    def define(self, line: _Line) -> None:
        """``Define NAME [VALUE]``."""
        words = self.words(line, 1, 2)
        if words is not None and ":" in words[0]:
            self.malformed(line.source, "a name of Define must not hold ':'")
        elif words is not None:
            # httpd takes an empty value for none: a value from before stays.
            value = (words[1] or None) if len(words) > 1 else None
            self.variables.define(words[0], value, self.doubts, line.doubts)

    def undefine(self, line: _Line) -> None:
        """``UnDefine NAME``."""
        words = self.words(line, 1, 1)
        if words is not None:
            self.variables.undefine(words[0], line.doubts)

    def set_server_root(self, line: _Line) -> None:
        """``ServerRoot PATH``; relative includes behind it start there."""
        words = self.words(line, 1, 1)
        if words is not None:
            self.note_unknown_path(line)
            self.server_root = self.absolute(as_path(words[0]))

    def load_module(self, line: _Line) -> None:
        """``LoadModule IDENTIFIER FILE``; conditionals behind it know the module."""
        words = self.words(line, 2, 2)
        if words is None or words[0] in self.modules:
            return
        self.module_answers.clear()
        if line.doubts:
            self.doubtful_modules.setdefault(words[0], line.doubts[-1])
        else:
            self.modules[words[0]] = readable(words[1])
            self.doubtful_modules.pop(words[0], None)

    def open_section(self, line: _Line) -> None:
        """``<VirtualHost …>`` and all other sections, ``<If>`` included."""
        arguments = tag_arguments(line.arguments)
        if arguments is None:
            self.malformed(line.source, f"{line.name} has no closing '>'")
            arguments = line.arguments
        self.emit(line, line.name, arguments)
        self.push(line, conditional=False)
        self.within = (*self.within, Section(line.name[1:], arguments, line.source))

    def push(self, line: _Line, *, conditional: bool, doubtful: bool = False) -> None:
        """Opens a section or conditional."""
        opened = line.state.opened
        if len(opened) > _MAX_SECTION_DEPTH:
            self.gap(str(line.source), "too large", f"more than {_MAX_SECTION_DEPTH} sections are open")
            raise _Stop
        opened.append(_Open(line.name[1:], line.source, self.within, self.doubts, conditional, doubtful))

    def close(self, line: _Line) -> None:
        """``</VirtualHost>`` and the like."""
        opened = line.state.opened
        closed = line.name[2:].removesuffix(">")
        if not line.name.endswith(">"):
            self.malformed(line.source, f"{line.name} has no closing '>'")
        if not opened:
            self.malformed(line.source, f"</{closed}> closes nothing that this file opened")
            return
        if opened[-1].name.lower() != closed.lower():
            self.malformed(line.source, f"</{opened[-1].name}> is expected here, not </{closed}>")
            if closed.lower() not in (one.name.lower() for one in opened):
                return
            while opened[-1].name.lower() != closed.lower():
                opened.pop()
        elif opened[-1].conditional and line.arguments:
            self.malformed(line.source, f"text behind </{closed}>; httpd takes it for another section's end")
        last = opened.pop()
        self.within, self.doubts = last.within, last.doubts

    def open_conditional(self, line: _Line) -> None:
        """``<IfModule …>`` and the like: nothing in ``within``, but a doubt where it cannot be decided."""
        answer = self.judge(line)
        if isinstance(answer, Malformed):
            self.refused(line.source, answer.reason)
            answer = Unsure(answer.reason)
        if answer is False and self.options.every_branch:
            answer = Unsure("every branch is followed")
        if answer is False:
            line.state.skipping.append((line.name[1:], line.source))
            return
        doubtful = isinstance(answer, Unsure)
        self.push(line, conditional=True, doubtful=doubtful)
        if isinstance(answer, Unsure):
            self.doubts += (Doubt(readable(line.text), answer.cause, line.source),)

    def judge(self, line: _Line) -> bool | Unsure | Malformed:
        """Whether what a conditional holds is in force."""
        if len(line.doubts) > len(self.doubts):
            return Unsure(line.doubts[-1].cause)
        kind = line.name.lower()
        if kind == "<ifversion":
            return conditions.version_matches(line.arguments, self.options.version)
        if reason := refused_section(kind, line.name, line.arguments, self.options.version):
            return Malformed(reason)
        arguments = tag_arguments(line.arguments)
        if arguments is None:
            return Malformed(f"{line.name} has no closing '>'")
        negated, asked = conditions.negation(arguments)
        if not asked:
            return Malformed(f"{line.name}> names nothing")
        answer = self.ask(kind, asked)
        return answer if isinstance(answer, Unsure) else answer != negated

    def ask(self, kind: str, asked: str) -> bool | Unsure:
        """The condition itself, without negation."""
        if kind == "<ifmodule":
            if asked not in self.module_answers:
                self.module_answers[asked] = conditions.module_loaded(
                    asked, self.modules, self.doubtful_modules, built_in_known=self.options.built_in is not None
                )
            return self.module_answers[asked]
        if kind == "<ifdefine":
            defined = self.variables.defined(asked)
            return Unsure(defined.cause) if isinstance(defined, Doubt) else defined
        if kind == "<iffile":
            standing = self.files.standing(self.absolute(as_path(asked)))
            if standing == "unknown":
                return Unsure(f"whether {readable(asked)} exists cannot be told: it is outside of what was collected")
            return standing != "absent"
        return knows(
            asked,
            section=kind == "<ifsection",
            loaded=self.modules.keys(),
            doubtful=self.doubtful_modules.keys(),
            all_known=self.options.built_in is not None,
            version=self.options.version,
        )

    # Macros

    def open_macro(self, line: _Line) -> None:
        """``<Macro NAME PARAMETER…>``: its body is recorded."""
        arguments = tag_arguments(line.arguments)
        try:
            if arguments is None:
                raise MacroError("<Macro has no closing '>'")
            name, parameters = macro_head(arguments)
        except MacroError as error:
            self.malformed(line.source, str(error))
            name, parameters = "", ()
        line.state.capture = _Capture(name, parameters, line.source, [])

    def use(self, line: _Line) -> None:
        """``Use NAME VALUE…``: the macro's lines come next."""
        self.emit(line, line.name, line.arguments)
        words = split_words(line.arguments)
        name = words[0].lower() if words else ""
        macro = self.macros.get(name)
        try:
            if macro is None:
                raise MacroError(f"macro {name!r} is not defined")
            if name in line.frame.macros:
                raise MacroError(f"macro {name!r} uses itself")
            lines = _as_lines(substituted(macro, words[1:]))
        except MacroError as error:
            self.malformed(line.source, str(error))
            return
        frame = _Frame((*line.frame.macros, name), macro.file, (*line.frame.used_at, line.source))
        doubts = self.doubts
        self.doubts = line.doubts
        before = len(line.state.opened)
        self.lines_passed += len(lines)
        self.text_passed += sum(len(one.text) for one in lines)
        self.consume(lines, line.state, frame)
        if not line.frame.macros:
            line.state.used = line.source.last_line
        if lines and lines[-1].text.endswith("\\"):
            self.gap(str(line.source), "undetermined", "the macro's last line ends in a backslash: it runs on behind")
        if len(line.state.opened) == before:
            self.doubts = doubts

    def forget_macro(self, line: _Line) -> None:
        """``UndefMacro NAME``."""
        words = self.words(line, 1, 1)
        if words is not None and self.macros.pop(words[0].lower(), None) is None:
            self.malformed(line.source, f"macro {words[0]!r} is not defined")

    # Paths and gaps

    def absolute(self, path: str) -> str:
        """A path as httpd makes it: relative to the server root, ``.`` and ``..`` removed as text."""
        return "/" + posixpath.normpath(posixpath.join("/", self.server_root, path)).lstrip("/")

    def relative(self, path: str) -> str:
        """The path as sources name it."""
        return _shown(path.removeprefix(self.prefix))

    def malformed(self, source: FileSource, detail: str, cause: Cause = "malformed") -> None:
        """Notes a mistake at a place."""
        self.gap(str(source), cause, detail)

    def refused(self, source: FileSource, detail: str) -> None:
        """Notes a line that httpd does not start with, where it reads it at all."""
        if self.doubts:
            detail = f"{detail}, where the conditions around it hold that cannot be decided"
        self.malformed(source, detail, "undetermined" if self.doubts else "malformed")

    def gap(self, what: str, cause: Cause, detail: str) -> None:
        """Notes something that could not be read."""
        self.add_gap(Gap(_shortened(what), cause, _shortened(readable(detail))))

    def add_gap(self, gap: Gap) -> None:
        """Notes a gap once; beyond a bound they are only counted as one."""
        if len(self.gaps) < MAX_GAPS:
            self.gaps[gap] = None
        else:
            self.gaps[
                Gap("whole configuration", "malformed", f"more than {MAX_GAPS:,} problems; the rest is not listed")
            ] = None


def _latin_pairs(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((as_latin(name), as_latin(value)) for name, value in pairs)


def _shortened(text: str) -> str:
    """A text for people: a name may be as long as a file."""
    return text if len(text) <= _MAX_TOLD else f"{text[:_MAX_TOLD]}…"


def _shown(path: str) -> str:
    """A path that can be printed and stored, whatever its bytes."""
    if path.isascii():
        return path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _without_its_end(line: LogicalLine, content: bytes) -> LogicalLine:
    """What httpd has of a last line without line end that follows a Use: mod_macro loses its last physical line."""
    kept = content[line.start : content.rfind(b"\n") + 1]
    if len(kept) < 2:
        return msgspec.structs.replace(line, text="", name="", arguments="")
    return msgspec.structs.replace(read_lines(kept)[0], line=line.line, last_line=line.last_line)


def _as_lines(texts: tuple[tuple[str, LogicalLine], ...]) -> list[LogicalLine]:
    """A macro's substituted lines, read again: a value may make a line a comment, or continue it."""
    lines = []
    gathered, first = "", None
    for text, line in texts:
        first = first or line
        joined = gathered + text
        if joined.endswith("\\"):
            gathered = joined[:-1]
            continue
        lines.append(LogicalLine(joined, *split_line(joined), first.line, line.last_line, first.start, line.end))
        gathered, first = "", None
    if first is not None:
        last = texts[-1][1]
        gathered += "\\"  # it goes on behind the Use
        lines.append(LogicalLine(gathered, *split_line(gathered), first.line, last.last_line, first.start, last.end))
    return lines
