"""Hosts and groups of an Ansible inventory."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.services.ansible import AnsibleInventory, read_inventory


def read(folder: Path, text: str, name: str = "hosts") -> AnsibleInventory:
    (folder / name).write_text(text, encoding="utf-8")
    return read_inventory(folder / name)


INI = """
# a comment
mail.example ansible_port=22
; another
[web]
web[01:03].example ansible_user=root   # three of them
db-[a:b]
[web:vars]
password=hunter2
[tokyo:children]
web
east
[east]
10.0.0.1:2222
[empty]
"""

YAML = """
all:
  hosts: {mail.example: }
  vars: {password: !vault "x"}
  children:
    web: {hosts: {"web[01:03].example": {ansible_user: root}, "db-[a:b]": }}
    tokyo: {children: {web: , east: {hosts: {10.0.0.1: }}}}
    empty:
"""


@pytest.mark.parametrize(("text", "name"), [(INI, "hosts"), (INI, "inventory.ini"), (YAML, "hosts.yml")])
def test_hosts_and_groups_are_read_from_either_form(tmp_path: Path, text: str, name: str) -> None:
    found = read(tmp_path, text, name)
    web = ("db-a", "db-b", "web01.example", "web02.example", "web03.example")
    assert found.hosts == ("10.0.0.1", *web[:2], "mail.example", *web[2:])
    assert found.groups == {"web": web, "east": ("10.0.0.1",), "tokyo": ("10.0.0.1", *web), "empty": ()}


def test_groups_that_contain_each_other_end(tmp_path: Path) -> None:
    found = read(tmp_path, "[a:children]\nb\n[b:children]\na\n[b]\nx\n")
    assert found.groups == {"a": ("x",), "b": ("x",)}


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("[web]\nweb[0:99999999]\n", "hosts", "hosts:2: .*more than"),
        ("[web]\nweb[a:zz]\n", "hosts", "no range"),
        ("[web]\na/b\n", "hosts", "hosts:2: .*holds one of"),
        ("[x:y]\nhost\n", "hosts", r"hosts:1: \[x:y\] is no section\n.*GROUP:children"),
        ("[web:childern] # odd\nhost\n", "hosts", "hosts:1: .*is no section"),
        ("[all:children]\nweb\nwbe\n[web]\n", "hosts", "hosts:3: there is no group 'wbe'"),
        ("all: [\n", "h.yml", r"h.yml:\d: not valid YAML"),
        ("- a\n", "h.yaml", "a mapping of groups"),
        ("[" * 100, "h.yaml", "nested deeper"),
        ("a: &a [x, *a]\n", "h.yaml", None),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_place(tmp_path: Path, text: str, name: str, says: str | None) -> None:
    if says is None:
        read(tmp_path, text, name)
        return
    with pytest.raises(InputError, match=says):
        read(tmp_path, text, name)
