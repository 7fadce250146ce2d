"""The kinds of what is there as it is written: logs, modules, directives, files, packages."""

from __future__ import annotations

from typing import Final

from auditor.model.resource import AttributeSpec, KindSpec

LOG: Final = KindSpec(
    "httpd.log",
    "One log that is written: CustomLog, TransferLog or ErrorLog.",
    (
        AttributeSpec("server", "text", "The server that writes it: ``main`` or the virtual host's name."),
        AttributeSpec("kind", "text", "access or error."),
        AttributeSpec("path", "text", "The file, or the program where it is piped."),
        AttributeSpec("piped", "boolean", "Whether a program takes the lines."),
        AttributeSpec(
            "format", "text", "The format's text, quotes and backslashes as httpd reads them.", settable=True
        ),
        AttributeSpec("format_name", "text", "The LogFormat's nickname; absent where the format stands in CustomLog."),
        AttributeSpec("format_missing", "boolean", "Whether the nickname is defined nowhere: it is then the format."),
        AttributeSpec("conditional", "boolean", "Whether only some requests are written (env= or expr=)."),
        AttributeSpec("records_duration", "boolean", "Access: whether the time taken is written."),
        AttributeSpec(
            "duration_in_seconds_only", "boolean", "Access: whether the time taken is written in whole seconds only."
        ),
        AttributeSpec("records_first_byte", "boolean", "Access: whether the time to the first byte is written."),
        AttributeSpec("records_worker", "boolean", "Access: whether the balancer's member is written."),
        AttributeSpec("records_request_id", "boolean", "Whether the request's log id is written: joins both logs."),
        AttributeSpec("records_begin", "boolean", "Access: whether the start is written in milliseconds or finer."),
        AttributeSpec("records_bytes", "boolean", "Access: whether bytes in and out with headers are written."),
        AttributeSpec("records_connection_state", "boolean", "Access: whether the state at the end (%X) is written."),
        AttributeSpec("records_process", "boolean", "Whether the process that served the request is written."),
        AttributeSpec("records_vhost", "boolean", "Access: whether the virtual host's name is written."),
        AttributeSpec("records_client", "boolean", "Whether the client's address is written."),
        AttributeSpec("records_microseconds", "boolean", "Error: whether its times have microseconds."),
        AttributeSpec("valid_for_version", "boolean", "Whether this version of httpd knows every field as meant."),
        AttributeSpec("misunderstood", "list", "Fields this version refuses or takes for something else."),
    ),
)

MODULE: Final = KindSpec(
    "httpd.module",
    "A module that is loaded or compiled in; its name is the identifier, as in ``proxy_module``.",
    (
        AttributeSpec("file", "text", "The file LoadModule names; absent where compiled in."),
        AttributeSpec("built_in", "boolean", "Whether it is compiled in."),
    ),
)

DIRECTIVE: Final = KindSpec(
    "httpd.directive",
    "A directive that httpd carries out, in its context.",
    (
        AttributeSpec("directive", "text", "Its name as documented (letter case of the first to write it is kept)."),
        AttributeSpec("arguments", "text", "Its arguments, variables expanded.", settable=True),
        AttributeSpec("context", "text", "The enclosing sections, outermost first, joined with `` > ``; empty: none."),
        AttributeSpec("server", "text", "The server it belongs to: ``main`` or the virtual host's name."),
        AttributeSpec("unit_dropped", "boolean", "Whether a time is written with a unit that httpd drops."),
        AttributeSpec("dropped_units", "list", "The parts whose unit is dropped, as written (``timeout=500ms``)."),
        AttributeSpec("meaning", "text", "What httpd takes such a time for: ``timeout=500ms means 500 s``."),
        AttributeSpec(
            "present",
            "boolean",
            "True; undetermined where it hangs on a conditional that cannot be decided. A plan that sets it to false "
            "comments the directive out.",
            settable=True,
        ),
    ),
)

FILE: Final = KindSpec(
    "httpd.file",
    "A file of the tree; its name is its path.",
    (
        AttributeSpec("mode", "text", "Permission bits, octal."),
        AttributeSpec("owner", "text", "Owner."),
        AttributeSpec("group", "text", "Group."),
        AttributeSpec("selinux", "text", "SELinux label; absent where the machine has no SELinux."),
        AttributeSpec(
            "link",
            "text",
            "What it links to; absent where it is no symbolic link. Null removes the link.",
            settable=True,
        ),
        AttributeSpec(
            "present",
            "boolean",
            "Asked of plans alone: true enables what is available (``sites-enabled/shop.conf``; a module with its "
            "settings and what it depends on) or brings back what the store last held, false removes the link or file.",
            settable=True,
        ),
        AttributeSpec("digest", "text", "SHA-256 of the collected content (secrets replaced); absent for a link."),
        AttributeSpec("holds_secrets", "boolean", "Whether secrets in it were replaced by keyed digests."),
        AttributeSpec("read", "boolean", "Whether the configuration reads it."),
        AttributeSpec(
            "swallowed_by_comments",
            "list",
            "Directives, with file and line, that httpd never sees: the comment before ends in a backslash. Absent, as "
            "the next two, where the file is not read.",
        ),
        AttributeSpec(
            "swallowed_by_letters",
            "list",
            "Lines, with file and line, that httpd takes into the comment or directive before: it ends in a letter of "
            "Shift_JIS whose second byte is a backslash (5C).",
        ),
        AttributeSpec(
            "cut_by_letters",
            "list",
            "Directives, with file and line, that lose half of such a letter at their end; what follows is blank.",
        ),
        AttributeSpec(
            "package_leftovers",
            "list",
            "What a package manager left beside it (``.rpmnew``, ``.dpkg-dist`` …) and httpd does not read.",
        ),
        AttributeSpec(
            "leftover_of", "text", "The file beside which a package manager left this one; absent for any other file."
        ),
        AttributeSpec("leftover_alone", "boolean", "Of what was left: whether that file is not there."),
        AttributeSpec(
            "changed_since_package",
            "boolean",
            "True where it is a package's configuration file and no longer as delivered; absent otherwise.",
        ),
    ),
)

PACKAGE: Final = KindSpec(
    "httpd.package",
    "An installed package that the server depends on.",
    (
        AttributeSpec("version", "version", "Its version and release.", settable=True),
        AttributeSpec(
            "changed_files",
            "list",
            "Its files, configuration left out, that are no longer as delivered, with what differs; absent where the "
            "package manager was not asked.",
        ),
    ),
)
