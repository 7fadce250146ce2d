"""A fleet repository with people who sign, for tests that apply plans."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.services.changes import Desk, open_desk
from auditor.services.fleet import load_fleet
from auditor.services.init import init_fleet

_GIT = ["git", "-c", "user.name=ops1", "-c", "user.email=ops1@example.invalid", "-c", "commit.gpgsign=false"]


@dataclass
class TestFleet:
    """A fleet repository in a folder; ``hosts`` is the YAML below ``hosts:``."""

    __test__ = False

    root: Path
    hosts: str
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    told: list[str] = field(default_factory=list)
    required: int = 1

    def make(self, more: Mapping[str, str] = {}) -> TestFleet:
        """Makes it: repository, key, store, two people, all committed."""
        self.environment |= dict(more)
        init_fleet(self.root, self.environment)
        file = self.root / "auditor.yaml"
        text = file.read_text().replace("hosts: {}\n", f"hosts:\n{self.hosts}")
        file.write_text(text.replace("required: 1 ", f"required: {self.required} "))
        lines = []
        for name in ("ops1", "lead1"):
            key = self.key(name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
            lines.append(f'{name} namespaces="auditor-plan" {key.with_suffix(".pub").read_text().strip()}\n')
        (self.root / "approvers").write_text("".join(lines))
        self.commit("the fleet")
        return self

    def key(self, name: str) -> Path:
        """A person's private key."""
        return self.root.parent / f"key-{name}"

    def commit(self, why: str) -> None:
        """Commits the work tree."""
        for command in (["add", "-A"], ["commit", "-qm", why]):
            subprocess.run([*_GIT, *command], cwd=self.root, check=True, timeout=30, capture_output=True)

    def desk(self) -> Desk:
        """The fleet, opened anew."""
        return open_desk(load_fleet(self.root), self.environment, observe=self.told.append)
