"""The commands there are; each command's module is imported only when it is invoked."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

PARTS: Final = (
    (
        "Look",
        (
            ("check", "Findings: which rules are not met, and what could not be examined."),
            ("explain", "Which virtual host, route, worker and setting govern a URL."),
            ("drift", "What is no longer as agreed, and by whose hand."),
            ("history", "Who changed this, and when."),
            ("alerts", "Prove that alerts arrive."),
            ("doctor", "Which rights and tools are missing, and what that costs."),
        ),
    ),
    (
        "Keep",
        (
            ("init", "Make a fleet repository and its store."),
            ("trust", "Pin the certificates that iLOs show, once compared."),
            ("snapshot", "Collect targets and commit what was seen."),
            ("baseline", "Make a first baseline from what is there."),
        ),
    ),
    (
        "Change",
        (
            ("what-if", "What else changes if a setting becomes another; no plan is written."),
            ("plan", "Propose a change plan; nothing is changed."),
            ("show", "Show a change plan and its approvals."),
            ("rehearse", "Try a plan forward, back and forward again on copies."),
            ("approve", "Sign a plan as an approver."),
            ("apply", "Carry out an approved plan; verified, or taken back."),
            ("confirm", "Keep an applied plan that would take itself back."),
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
        module = importlib.import_module(f"auditor.cli.commands.{cmd_name.replace('-', '_')}")
        return typer.main.get_command(module.app)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names; a mistyped one is told what it may have meant."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the framework's face
        """The commands by part, without importing any of them."""
        for title, part in PARTS:
            with formatter.section(title):
                formatter.write_dl(list(part))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the framework's face
        """The exit codes and first steps, as they are written."""
        formatter.write("\n" + EPILOG)


class PlainCommand(TyperCommand):
    """A command whose help names arguments by their place alone."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``[OPTIONS] TARGET [URL]...``."""
        return ["[OPTIONS]", *(_usage(one) for one in self.get_params(ctx) if one.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then options, each with what it means."""
        parameters: list[Any] = list(self.get_params(ctx))
        arguments = [(_name(one), one.help or "") for one in parameters if one.param_type_name == "argument"]
        options = [one.get_help_record(ctx) for one in parameters if one.param_type_name != "argument"]
        for title, records in (("Arguments", arguments), ("Options", [one for one in options if one])):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _usage(argument: Any) -> str:
    name = _name(argument) if argument.required else f"[{_name(argument)}]"
    return f"{name}..." if argument.nargs != 1 else name


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
        app.command(name=name, cls=PlainCommand, help=function.__doc__)(function)
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
