"""The commands there are; each command's module is imported only when it is invoked."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

PARTS: Final = (
    (
        "Look",
        (
            ("check", "Findings: which rules are not met, and what could not be examined."),
            ("explain", "Which virtual host, route, worker and setting govern a URL."),
            ("drift", "What is no longer as agreed, and by whose hand."),
            ("history", "Who changed this, and when."),
        ),
    ),
    (
        "Keep",
        (
            ("init", "Make a fleet repository and its store."),
            ("snapshot", "Collect targets and commit what was seen."),
            ("baseline", "Make a first baseline from what is there."),
        ),
    ),
    (
        "Change",
        (
            ("plan", "Propose a change plan; nothing is changed."),
            ("show", "Show a change plan and its approvals."),
            ("approve", "Sign a plan as an approver."),
            ("apply", "Carry out an approved plan; verified, or taken back."),
            ("rollback", "Take an applied plan back."),
        ),
    ),
    (
        "Try out",
        (
            ("simulate", "Serve a virtual iLO on loopback."),
            ("demo", "The whole story on samples, in under a minute."),
        ),
    ),
)
"""Every command with a line that says what it gives, as ``auditor --help`` shows it."""

COMMANDS: Final = {name: text for _, part in PARTS for name, text in part}

EPILOG: Final = """\
Exit: 0 complete, nothing at or above the threshold; 1 findings or drift;
2 usage or input error; 3 incomplete; 4 refused, nothing changed; 5 failed and
taken back; 6 a person is needed; 70 internal fault.

auditor COMMAND --help tells more. First steps:
  auditor check /etc/httpd
  auditor explain /etc/httpd https://shop.example/api
  auditor demo
"""


class LazyGroup(TyperGroup):
    """A group whose commands are modules of :mod:`auditor.cli.commands`, imported when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's face
        """Every command's name, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the framework's face
        """The command, its module imported now; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"auditor.cli.commands.{cmd_name}")
        return typer.main.get_command(module.app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the framework's face
        """The commands by part, without importing any of them."""
        for title, part in PARTS:
            with formatter.section(title):
                formatter.write_dl(list(part))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the framework's face
        """The exit codes and first steps, as they are written."""
        formatter.write("\n" + EPILOG)


def application() -> Any:
    """The whole command line, ready to parse."""
    app = typer.Typer(
        cls=LazyGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80, "terminal_width": 80},
    )

    @app.callback(help="Audits Apache httpd and HPE/NEC iLO: what governs, what is wrong, what changed.")
    def auditor(
        version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Show the version."),
    ) -> None:
        pass

    return typer.main.get_command(app)


def command_app(name: str) -> Callable[[Callable[..., object]], typer.Typer]:
    """Makes a module's ``app`` of one function that takes the arguments and gives a job."""

    def make(function: Callable[..., object]) -> typer.Typer:
        app = new_app(COMMANDS[name])
        app.command(name=name, help=function.__doc__)(function)
        return app

    return make


def new_app(text: str) -> typer.Typer:
    """A Typer application as all of ours are: plain help, no framework's traceback."""
    return typer.Typer(
        help=text,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80, "terminal_width": 80},
    )


def _version(wanted: bool) -> None:
    if wanted:
        from auditor import __version__

        typer.echo(f"auditor {__version__}")
        raise typer.Exit
