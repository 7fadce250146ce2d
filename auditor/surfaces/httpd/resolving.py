"""Reading a collection as a configuration, in httpd's order. Pure.

A disk, an archive and a stored state read alike: all that is asked for is in the collection.
"""

from __future__ import annotations

import posixpath
from typing import Final

from auditor.model.snapshot import Collected
from auditor.surfaces.httpd.collected_files import CollectedFiles
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.envvars import ARGUMENTS, ENVVARS, command_line_defines, debian_start, shell_variables
from auditor.surfaces.httpd.fileset import FileSet
from auditor.surfaces.httpd.includes import ResolveOptions, resolve
from auditor.surfaces.httpd.modules import compiled_in
from auditor.surfaces.httpd.versions import parse_rhel_release, parse_version
from auditor.surfaces.interface import InterpretOptions

SYSCONFIG: Final = ("/etc/sysconfig/httpd", "/etc/sysconfig/apache2")
"""Where RHEL and SUSE keep the environment and the options that httpd is started with."""


def resolve_collected(collected: Collected, options: InterpretOptions) -> Resolved:
    """The configuration that a collection holds, in httpd's order. What a person says wins over what was collected.

    Pure. The gaps are those of resolving alone; those of collecting stand in the collection.
    """
    main_file = collected.fact("main_file")
    if not isinstance(main_file, str):
        return Resolved((), "", "", modules_known=False)
    files = CollectedFiles(collected)
    return resolve(files, files.absolute(main_file), resolve_options(collected, files, options))


def resolve_options(collected: Collected, files: FileSet, options: InterpretOptions) -> ResolveOptions:
    """What a collection and a person say beside the files themselves."""
    root = str(collected.fact("root") or "/")
    environment, defines = started_with(files, root, texts_of(collected.fact("environment")))
    defines += texts_of(collected.fact("defines"))
    built_in = collected.fact("builtin_modules")
    if options.no_other_modules:
        built_in = compiled_in(options.modules)
    return ResolveOptions(
        root=root,
        version=known_version(collected, options),
        defines=(*(name_and_value(define) for define in defines), *options.defines),
        environment=tuple({**environment, **dict(options.environment)}.items()),
        modules=options.modules,
        built_in=built_in if isinstance(built_in, tuple) else None,
    )


def started_anew(now: Collected, after: Collected, options: InterpretOptions) -> tuple[str, ...]:
    """The variables of the environment whose value only a start of the server changes, sorted by name."""
    old, new = (dict(resolve_options(one, CollectedFiles(one), options).environment) for one in (now, after))
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def known_version(collected: Collected, options: InterpretOptions) -> str:
    """The version of httpd, as text of numbers: what the person says, else what the machine said; else empty."""
    fact = collected.fact("version")
    for text in (options.httpd_version, fact if isinstance(fact, str) else ""):
        number = parse_version(text)
        if number is not None:
            return ".".join(str(part) for part in number)
    return ""


def known_release(collected: Collected, options: InterpretOptions) -> str:
    """The same, with the release of RHEL 7's package where that is known: ``2.4.6-99.el7``."""
    number = known_version(collected, options)
    fact = collected.fact("version")
    said = options.httpd_version or (fact if isinstance(fact, str) else "")
    packages = [name for name in texts_of(collected.fact("packages")) if name.startswith("httpd-")]
    for text in (said, *packages) if number == "2.4.6" else ():
        release = parse_rhel_release(text)
        if release is not None:
            return f"{number}-{release}.el7"
    return number


def texts_of(value: object) -> tuple[str, ...]:
    """A fact's texts; none where the machine did not say."""
    return value if isinstance(value, tuple) else ()


def name_and_value(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` in two; a name alone has an empty value."""
    name, _, value = text.partition("=")
    return name, value


def started_with(files: FileSet, root: str, environment: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The environment and the ``-D`` names that a distribution's own files start this httpd with."""
    variables: dict[str, str] = {}
    defines: tuple[str, ...] = ()
    envvars = files.read(posixpath.join(root, ENVVARS))
    if envvars is not None:
        variables = shell_variables(envvars, debian_start(root))
        defines = command_line_defines(variables.get(ARGUMENTS, ""))
    else:
        for path in SYSCONFIG:
            if files.standing(path) == "file" and (content := files.read(path)) is not None:
                variables = shell_variables(content)
                defines = command_line_defines(variables.get("OPTIONS", ""))
                break
    variables.update(name_and_value(text) for text in environment)
    return variables, defines
