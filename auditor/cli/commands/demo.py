"""``auditor demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auditor.cli import streams
from auditor.cli.app import command_app
from auditor.cli.run import Job


@command_app("demo")
def app(
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where the story takes place; made anew, and kept.")
    ] = Path("demo-run"),
) -> Job:
    """Tells the whole story on samples, from snapshot to rollback; nothing outside the folder is touched."""

    def job() -> int:
        from auditor.services.demo import run_demo

        return int(run_demo(folder.expanduser(), _say) or 0)

    return job


def _say(text: str) -> None:
    streams.write_out(text if text.endswith("\n") else f"{text}\n")
