"""Plans and signatures kept on a disk that does not take them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import StoreError
from auditor.plan.folder import read_plan, write_author_signature, write_plan, write_signature
from auditor.transport.acts import Acts
from tests.fakes.plans import plan_for

Write = Callable[[Path, Acts], object]

WRITES: tuple[Write, ...] = (
    lambda plans, acts: write_plan(plans, plan_for("web2/httpd"), acts),
    lambda plans, acts: write_author_signature(next(plans.iterdir()), b"sig", acts),
    lambda plans, acts: write_signature(next(plans.iterdir()), "lead1", b"sig", acts),
    lambda plans, acts: write_signature(next(plans.iterdir()), "lead1", b"sig", acts, emergency=True),
)


class _FailingDisk(Acts):
    def __init__(self, act: str, number: int) -> None:
        self.act, self.number = act, number

    def reached(self, act: str, path: str) -> None:
        if act == self.act:
            raise OSError(self.number, os.strerror(self.number), path)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(("act", "number"), [("create", errno.EROFS), ("write", errno.ENOSPC), ("replace", errno.EIO)])
def test_a_disk_that_takes_nothing_is_named_with_what_to_do(
    tmp_path: Path, write: Write, act: str, number: int
) -> None:
    identity = write_plan(tmp_path, plan_for("web1/httpd"))
    with pytest.raises(StoreError) as failed:
        write(tmp_path, _FailingDisk(act, number))
    said = str(failed.value)
    assert said.startswith(str(tmp_path))
    assert os.strerror(number) in said
    assert "Nothing was recorded." in said
    assert "Free some space" in said
    stored = read_plan(tmp_path, identity)
    assert (stored.author_signature, stored.approvals, stored.emergencies) == (None, (), ())
