"""``auditor init``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli import streams
from auditor.cli.app import command_app
from auditor.cli.run import Job


@command_app("init")
def app(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the fleet repository is made.")] = Path(),
) -> Job:
    """Makes a fleet repository, its store and its key; what is there already is left as it is."""

    def job() -> int:
        from auditor.cli.forms.keeping import show_init
        from auditor.services.init import init_fleet

        streams.write_out(show_init(init_fleet(folder.expanduser(), os.environ)))
        return 0

    return job
