"""Collecting trees: layouts, copies, archives, what is missing and what is in the way."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from auditor.errors import CollectError, InputError
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import Archive, LocalTree, Target
from auditor.surfaces.httpd import gather
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resolving import known_release, resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.local import LocalReader

SEALER = Sealer(b"one key of the tests")
MAIN = 'ServerRoot "/etc/httpd"\nListen 80\nIncludeOptional conf.d/*.conf\n'


def collected(location: LocalTree | Archive) -> Collected:
    return asyncio.run(collect(Target("web1", "httpd", location), CollectOptions(SEALER)))


def rhel(tmp_path: Path, main: str = MAIN, **files: str) -> Path:
    tree = tmp_path / "etc-httpd"
    for name, text in {"conf/httpd.conf": main, "conf.d/x.conf": "Timeout 7\n", **files}.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tree


def listed(one: Collected) -> list[str]:
    return [f"{line.name} {line.arguments}" for line in resolve_collected(one, InterpretOptions()).directives]


def packed(tmp_path: Path, name: str, members: dict[str, str]) -> Archive:
    path = tmp_path / name
    mode = "w:" + {"gz": "gz", "xz": "xz", "bz2": "bz2"}.get(name.rpartition(".")[2], "")
    with tarfile.open(path, mode) as made:  # type: ignore[call-overload] # the mode is made up here
        for member, text in members.items():
            info = tarfile.TarInfo(member)
            if text.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, text[3:]
                made.addfile(info)
            else:
                info.size = len(text.encode())
                made.addfile(info, io.BytesIO(text.encode()))
    return Archive(str(path))


@pytest.mark.parametrize("given", ["", "conf", "conf/httpd.conf"])
def test_a_tree_is_found_by_its_root_its_conf_and_its_main_file(tmp_path: Path, given: str) -> None:
    one = collected(LocalTree(str(rhel(tmp_path) / given)))
    assert one.gaps == ()
    assert (one.fact("root"), one.fact("main_file"), one.fact("layout")) == ("/etc/httpd", "conf/httpd.conf", "rhel")
    assert [document.name for document in one.documents] == ["conf.d/x.conf", "conf/httpd.conf"]
    assert listed(one)[-1] == "Timeout 7"


def test_a_document_knows_its_mode_owner_and_place(tmp_path: Path) -> None:
    tree = rhel(tmp_path)
    (tree / "conf.d/x.conf").chmod(0o640)
    document = collected(LocalTree(str(tree))).document("conf.d/x.conf")
    assert document is not None
    assert (document.store_path, document.mode) == ("files/conf.d/x.conf", 0o640)
    assert document.owner
    assert document.group


def test_a_tree_given_through_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(rhel(tmp_path))
    assert listed(collected(LocalTree(str(tmp_path / "link"))))[-1] == "Timeout 7"


def test_a_copy_reads_its_own_absolute_paths_and_nothing_of_this_machine(tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text("Timeout 99\n")
    main = f"{MAIN}Include /etc/httpd/conf.d/x.conf\nInclude {outside}\nInclude /etc/hostname\n"
    one = collected(LocalTree(str(rhel(tmp_path, main))))
    resolved = resolve_collected(one, InterpretOptions())
    assert [line.arguments for line in resolved.directives if line.name == "Timeout"] == ["7", "7"]
    assert {gap.what for gap in resolved.gaps} == {str(outside), "/etc/hostname"}
    assert all(document.store_path.startswith("files/") for document in one.documents)


def test_a_tree_in_its_own_place_is_followed_outside(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "a.conf").write_text("Timeout 8\n")
    (shared / "b.conf").write_text("OIDCClientSecret hunter2hunter2\n")
    tree = tmp_path / "etc-httpd"
    main = (
        f'ServerRoot "{tree}"\nInclude {shared}/*.conf\nIncludeOptional {tmp_path}/none.conf\n'
        "IncludeOptional conf.d/*.conf\n"
    )
    one = collected(LocalTree(str(rhel(tmp_path, main))))
    assert one.fact("root") == str(tree)
    document = one.document(f"{shared}/b.conf")
    assert document is not None
    assert document.store_path == f"outside{shared}/b.conf"
    assert b"hunter2" not in document.content
    assert document.fingerprint
    resolved = resolve_collected(one, InterpretOptions())
    assert resolved.gaps == ()
    assert [line.arguments for line in resolved.directives if line.name == "Timeout"] == ["8", "7"]


def test_links_are_kept_as_links_and_followed(tmp_path: Path) -> None:
    tree = rhel(tmp_path)
    (tree / "conf.d/link.conf").symlink_to("../elsewhere.txt")
    (tree / "elsewhere.txt").write_text("Timeout 9\n")
    (tree / "conf.d/dangling.conf").symlink_to("nothing")
    (tree / "logs").symlink_to("../../var/log/httpd")
    (tree / "modules").symlink_to("../../usr/lib64/httpd/modules")
    one = collected(LocalTree(str(tree)))
    assert {document.name: document.link for document in one.documents if document.link} == {
        "conf.d/link.conf": "../elsewhere.txt",
        "conf.d/dangling.conf": "nothing",
        "logs": "../../var/log/httpd",
        "modules": "../../usr/lib64/httpd/modules",
    }
    resolved = resolve_collected(one, InterpretOptions())
    assert [line.arguments for line in resolved.directives if line.name == "Timeout"] == ["9", "7"]
    assert resolved.directives[3].source.file == "conf.d/link.conf"
    assert [gap.what for gap in resolved.gaps] == ["conf.d/dangling.conf"]


def test_a_linked_directory_is_followed(tmp_path: Path) -> None:
    tree = rhel(tmp_path, 'ServerRoot "/etc/httpd"\nInclude linked/*.conf\n')
    (tree / "linked").symlink_to("conf.d")
    assert listed(collected(LocalTree(str(tree))))[-1] == "Timeout 7"


def test_what_is_in_the_way_is_a_gap_and_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MAX_FILE", 1000)
    tree = rhel(tmp_path)
    os.mkfifo(tree / "conf.d/fifo")
    (tree / "conf/big.conf").write_text("#" * 2000)
    (tree / "conf/binary.db").write_bytes(b"\0\1\2")
    (tree / os.fsdecode(b"conf/\xff.conf")).write_text("Timeout 1\n")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tree)
        server.bind("conf/socket")
        one = collected(LocalTree(str(tree)))
    assert {(gap.what, gap.cause) for gap in one.gaps} == {
        ("conf.d/fifo", "unsupported"),
        ("conf/socket", "unsupported"),
        ("conf/big.conf", "too large"),
        ("conf/binary.db", "not recognised"),
        ("conf/\\xff.conf", "not recognised"),
    }
    assert listed(one)[-1] == "Timeout 7"
    assert resolve_collected(one, InterpretOptions()).gaps == ()


def test_a_file_that_may_not_be_read_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = LocalReader.read

    def refusing(self: LocalReader, path: str, limit: int) -> bytes:
        if path.endswith(("/x.conf", "/notes.txt")):
            raise CollectError(f"{path} may not be read by this user", cause="not permitted")
        return read(self, path, limit)

    monkeypatch.setattr(LocalReader, "read", refusing)
    one = collected(LocalTree(str(rhel(tmp_path, **{"conf/notes.txt": "x"}))))
    gaps = {gap.what: gap for gap in one.gaps}
    assert gaps["conf.d/x.conf"].cause == "not permitted"
    assert gaps["conf.d/x.conf"].kinds == ()
    assert gaps["conf/notes.txt"].kinds == ("httpd.file",)
    assert "conf.d/x.conf" in {gap.what for gap in resolve_collected(one, InterpretOptions()).gaps}


def test_what_stands_behind_a_false_conditional_is_collected_too(tmp_path: Path) -> None:
    outside = tmp_path / "blue.conf"
    outside.write_text("Timeout 5\n")
    tree = tmp_path / "etc-httpd"
    main = f'ServerRoot "{tree}"\n<IfDefine BLUE>\nInclude {outside}\n</IfDefine>\n'
    one = collected(LocalTree(str(rhel(tmp_path, main))))
    assert "Timeout 5" not in listed(one)
    resolved = resolve_collected(one, InterpretOptions(defines=(("BLUE", ""),)))
    assert resolved.directives[-1].arguments == "5"
    assert resolved.gaps == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is empty"),
        (lambda path: (path.mkdir(), (path / "nginx.conf").write_text("")), "is not a tree of httpd"),
        (lambda path: os.mkfifo(path), "neither a directory nor a file"),
    ],
)
def test_what_is_no_tree_is_a_clear_mistake(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "given")
    with pytest.raises(InputError, match=said) as caught:
        collected(LocalTree(str(tmp_path / "given")))
    assert caught.value.next_step or said.startswith("neither")


def test_a_main_file_that_is_not_there_is_a_clear_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no conf/other\.conf"):
        collected(LocalTree(str(rhel(tmp_path)), main_file="conf/other.conf"))


def test_a_root_that_may_not_be_read_is_a_gap_on_the_whole_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(self: LocalReader, path: str) -> None:
        raise CollectError(f"{path} may not be read by this user", cause="not permitted")

    monkeypatch.setattr(LocalReader, "list", refusing)
    one = collected(LocalTree(str(rhel(tmp_path))))
    assert [(gap.what, gap.cause) for gap in one.gaps] == [("whole target", "not permitted")]
    assert one.documents == ()


def test_debians_environment_and_the_inventorys_are_known(debian_tree: Path) -> None:
    plain = collected(LocalTree(str(debian_tree)))
    assert "ErrorLog /var/log/apache2/error.log" in listed(plain)
    told = collected(LocalTree(str(debian_tree), environment=(("APACHE_LOG_DIR", "/srv/logs"),)))
    assert "ErrorLog /srv/logs/error.log" in listed(told)


def test_an_inventorys_defines_and_version_decide(tmp_path: Path) -> None:
    main = MAIN + "<IfDefine BLUE>\n<IfVersion < 2.4.10>\nListen 81\n</IfVersion>\n</IfDefine>\n"
    one = collected(LocalTree(str(rhel(tmp_path, main)), defines=("BLUE",), httpd_version="2.4.6"))
    assert one.fact("version") == "2.4.6"
    listen = resolve_collected(one, InterpretOptions()).directives[-1]
    assert (listen.arguments, listen.doubts) == ("81", ())


def test_the_same_tree_gives_the_same_collection(tmp_path: Path) -> None:
    tree = rhel(tmp_path)
    assert collected(LocalTree(str(tree))) == collected(LocalTree(str(tree)))


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("a.tar", ""), ("b.tar.gz", "./etc/httpd/"), ("c.tar.xz", "httpd/"), ("d.tar.bz2", "sosreport-web1-1/etc/httpd/")],
)
def test_an_archive_reads_like_the_disk(tmp_path: Path, name: str, prefix: str) -> None:
    tree = rhel(tmp_path)
    members = {f"{prefix}{path.relative_to(tree)}": path.read_text() for path in tree.rglob("*") if path.is_file()}
    one, disk = collected(packed(tmp_path, name, members)), collected(LocalTree(str(tree)))
    assert (one.gaps, listed(one)) == ((), listed(disk))
    assert [(document.name, document.content) for document in one.documents] == [
        (document.name, document.content) for document in disk.documents
    ]
    assert one.fact("root") == "/etc/httpd"


def test_a_sosreport_tells_version_and_packages_and_what_lies_outside(tmp_path: Path) -> None:
    sos = "sosreport-web1-2026/"
    one = collected(
        packed(
            tmp_path,
            "sos.tar.xz",
            {
                f"{sos}etc/httpd/conf/httpd.conf": f"{MAIN}Include /srv/shared/x.conf\n",
                f"{sos}etc/httpd/conf.d/y.conf": "Timeout 7\n",
                f"{sos}etc/httpd/conf.d/z.conf": "-> /srv/shared/z.conf",
                f"{sos}srv/shared/x.conf": "Timeout 8\n",
                f"{sos}srv/shared/z.conf": "Timeout 9\n",
                f"{sos}etc/sysconfig/httpd": 'OPTIONS="-DBLUE"\nLANG=C\n',
                f"{sos}installed-rpms": "-> sos_commands/rpm/package-data",
                f"{sos}sos_commands/rpm/package-data": "httpd-2.4.6-97.el7.centos.x86_64   Tue 1 Jan\n"
                "mod_ssl-2.4.6-97.el7.centos.x86_64 Tue\nopenssl-1.0.2k-25.el7.x86_64 Tue\nbash-4.2 Tue\n",
                f"{sos}usr/share/doc/httpd/httpd.conf": "Listen 1\n",
            },
        )
    )
    assert one.gaps == ()
    assert one.fact("version") == "2.4.6"
    assert one.fact("packages") == (
        "httpd-2.4.6-97.el7.centos.x86_64",
        "mod_ssl-2.4.6-97.el7.centos.x86_64",
        "openssl-1.0.2k-25.el7.x86_64",
    )
    resolved = resolve_collected(one, InterpretOptions())
    assert [line.arguments for line in resolved.directives if line.name == "Timeout"] == ["7", "9", "8"]
    assert dict(resolved.defines) == {"BLUE": ""}
    assert resolved.gaps == ()


@pytest.mark.parametrize(
    ("listed_in", "line", "version", "release"),
    [
        ("installed-rpms", "httpd-2.4.6-99.el7.centos.1.x86_64", "2.4.6", "2.4.6-99.el7"),
        ("installed-rpms", "httpd-2.4.37-62.module+el8.9.0+1.x86_64", "2.4.37", "2.4.37"),
        ("installed-rpms", "httpd24-httpd-2.4.34-23.el7.5.x86_64", "2.4.34", "2.4.34"),
        ("installed-rpms", "jbcs-httpd24-httpd-2.4.57-8.el8jbcs.x86_64", "2.4.57", "2.4.57"),
        ("installed-rpms", "apache2-2.4.51-150400.6.11.1.x86_64", "2.4.51", "2.4.51"),
        ("installed-debs", "ii  apache2-bin  2.4.62-1~deb12u2  amd64  Apache", "2.4.62", "2.4.62"),
        ("installed-debs", "ii  apache2  2.4.41-4ubuntu3.14  amd64  Apache", "2.4.41", "2.4.41"),
        ("installed-rpms", "httpd-tools-2.4.6-99.el7.x86_64", None, ""),
    ],
)
def test_the_version_is_that_of_httpd_s_own_package(
    tmp_path: Path, listed_in: str, line: str, version: str | None, release: str
) -> None:
    files = {"sos-web1/etc/httpd/conf/httpd.conf": MAIN, f"sos-web1/{listed_in}": f"{line}   Tue 1 Jan\n"}
    one = collected(packed(tmp_path, "sos.tar", files))
    assert one.fact("version") == version
    assert known_release(one, InterpretOptions()) == release
    assert known_release(one, InterpretOptions("2.4.58")) == "2.4.58"


def test_an_archive_of_several_trees_asks_which(tmp_path: Path) -> None:
    archive = packed(tmp_path, "two.tar", {"etc/httpd/conf/httpd.conf": MAIN, "opt/b/conf/httpd.conf": "Listen 81\n"})
    with pytest.raises(InputError, match=r"several trees of httpd: /etc/httpd, /opt/b") as caught:
        collected(archive)
    assert "root:" in (caught.value.next_step or "")
    assert listed(collected(Archive(archive.path, root="/opt/b"))) == ["Listen 81"]


def test_an_archive_without_a_tree_is_a_clear_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no tree of httpd"):
        collected(packed(tmp_path, "none.tar", {"etc/nginx/nginx.conf": ""}))
    (tmp_path / "text.tar").write_text("not an archive")
    with pytest.raises(InputError, match="no tar archive"):
        collected(Archive(str(tmp_path / "text.tar")))
    with pytest.raises(InputError, match="does not exist"):
        collected(Archive(str(tmp_path / "gone.tar")))


def test_an_archive_that_is_cut_off_is_a_gap_on_the_whole_target(tmp_path: Path) -> None:
    archive = packed(tmp_path, "cut.tar", {f"etc/httpd/conf.d/{n}.conf": "#" * 3000 for n in range(50)})
    whole = Path(archive.path).read_bytes()
    Path(archive.path).write_bytes(whole[: len(whole) // 2])
    one = collected(archive)
    assert [(gap.what, gap.cause) for gap in one.gaps] == [("whole target", "malformed")]


def test_a_hostile_archive_gives_gaps_and_no_escape(tmp_path: Path) -> None:
    one = collected(
        packed(
            tmp_path,
            "bad.tar",
            {
                "etc/httpd/conf/httpd.conf": MAIN + "Include conf.d/passwd\nInclude ../../../etc/hostname\n",
                "etc/httpd/conf.d/passwd": "-> ../../../../../../etc/passwd",
                "../../outside": "x",
                "etc/httpd/conf.d/x.conf": "Timeout 7\n",
            },
        )
    )
    assert [(gap.what, gap.cause) for gap in one.gaps] == [("member ../../outside", "unsupported")]
    resolved = resolve_collected(one, InterpretOptions())
    assert {gap.what for gap in resolved.gaps} == {"conf.d/passwd", "/etc/hostname"}
    assert b"root:" not in b"".join(document.content for document in one.documents)


def test_debian_from_an_archive_reads_like_the_disk(debian_tree: Path, tmp_path: Path) -> None:
    (debian_tree / "mods-enabled/alias.conf").symlink_to("../mods-available/alias.conf")
    (debian_tree / "sites-enabled/000-default.conf").symlink_to("../sites-available/000-default.conf")
    path = tmp_path / "apache2.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        made.add(debian_tree, "etc/apache2")
    one, disk = collected(Archive(str(path))), collected(LocalTree(str(debian_tree)))
    assert listed(one) == listed(disk)
    assert len(listed(one)) > 35
    assert one.fact("layout") == "debian"


def test_the_folder_around_a_tree_is_refused_and_the_tree_in_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    rhel(tmp_path).rename(tmp_path / "etc/httpd")
    with pytest.raises(InputError, match="is not a tree of httpd") as caught:
        collected(LocalTree(str(tmp_path)))
    assert f"There is one in it:  {tmp_path}/etc/httpd" in str(caught.value)


def test_a_version_that_says_too_little_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/httpd.conf").write_text(
        f'ServerRoot "{tmp_path}"\n<IfVersion >= 2.4.5>\nTimeout 7\n</IfVersion>\n'
    )
    seen = collected(LocalTree(str(tmp_path)))
    (timeout,) = [
        one
        for one in resolve_collected(seen, InterpretOptions(httpd_version="2.4")).directives
        if one.name == "Timeout"
    ]
    assert timeout.doubts
    sure = resolve_collected(seen, InterpretOptions(httpd_version="2.4.6")).directives
    assert [one.doubts for one in sure if one.name == "Timeout"] == [()]


def test_an_included_file_that_is_too_large_may_hide_anything(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/httpd.conf").write_text(f'ServerRoot "{tmp_path}"\nInclude ${{D}}/z.conf\n')
    (tmp_path / "one").mkdir()
    (tmp_path / "one/z.conf").write_bytes(b"# filler\n" * 600_000)
    seen = collected(LocalTree(str(tmp_path)))
    found = resolve_collected(seen, InterpretOptions(defines=(("D", "one"),)))
    assert [gap.kinds for gap in found.gaps if gap.what.endswith("z.conf")] == [()]


@pytest.mark.parametrize("folder", ["build", "htdocs", "state", "run", "cgi-bin"])
@pytest.mark.parametrize("include", ["IncludeOptional {}/*.conf", "IncludeOptional {}/a.conf", "Include {}"])
def test_an_include_into_a_folder_that_is_not_walked_is_followed(tmp_path: Path, folder: str, include: str) -> None:
    tree = rhel(tmp_path, MAIN + include.format(folder) + "\n", **{f"{folder}/a.conf": "Timeout 8\n"})
    one = collected(LocalTree(str(tree)))
    assert (one.gaps, resolve_collected(one, InterpretOptions()).gaps) == ((), ())
    assert listed(one)[-1] == "Timeout 8"


def test_what_was_not_asked_of_a_folder_that_is_not_walked_is_unknown(tmp_path: Path) -> None:
    main = f"{MAIN}IncludeOptional htdocs/${{SITE}}*.conf\nIncludeOptional htdocs/a.conf\n"
    one = collected(LocalTree(str(rhel(tmp_path, main, **{"htdocs/a.conf": "", "htdocs/b.conf": "Timeout 9\n"}))))
    gaps = resolve_collected(one, InterpretOptions(defines=(("SITE", "b"),))).gaps
    assert [(gap.what, gap.cause) for gap in gaps] == [("conf/httpd.conf:4", "undetermined")]


@pytest.mark.parametrize("asked", ["htdocs/index.html", "htdocs", "!htdocs/none"])
def test_a_file_in_a_folder_that_is_not_walked_stands_there(tmp_path: Path, asked: str) -> None:
    main = f"{MAIN}<IfFile {asked}>\nTimeout 8\n</IfFile>\n"
    one = collected(LocalTree(str(rhel(tmp_path, main, **{"htdocs/index.html": "x"}))))
    resolved = resolve_collected(one, InterpretOptions())
    assert [(line.arguments, line.doubts) for line in resolved.directives][-1] == ("8", ())


def test_a_link_of_a_copy_that_leads_out_of_it_is_unknown(tmp_path: Path) -> None:
    tree = rhel(tmp_path, MAIN + "IncludeOptional conf.d/extra/*.conf\n<IfFile conf.d/extra/x>\n</IfFile>\n")
    (tree / "conf.d/extra").symlink_to("/opt/extra")
    resolved = resolve_collected(collected(LocalTree(str(tree))), InterpretOptions())
    assert [(gap.what, gap.cause) for gap in resolved.gaps] == [("conf/httpd.conf:4", "undetermined")]


@pytest.mark.parametrize("written", ["/opt/web/*.conf", "/opt/web/x.conf", "/etc/sites/*.conf"])
def test_what_an_archive_does_not_hold_is_unknown(tmp_path: Path, written: str) -> None:
    main = f"{MAIN}IncludeOptional {written}\n"
    resolved = resolve_collected(
        collected(packed(tmp_path, "etc.tar", {"etc/httpd/conf/httpd.conf": main})), InterpretOptions()
    )
    assert len(resolved.gaps) == 1
    assert "outside of what was collected" in resolved.gaps[0].detail


def test_what_an_archive_holds_all_of_is_known(tmp_path: Path) -> None:
    for name, text in {
        "etc/httpd/conf/httpd.conf": f"{MAIN}IncludeOptional /etc/sites/*.conf\nIncludeOptional /etc/none/x.conf\n",
        "etc/sites/a.conf": "Timeout 8\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with tarfile.open(tmp_path / "etc.tar", "w") as made:
        made.add(tmp_path / "etc", "etc")
    one = collected(Archive(str(tmp_path / "etc.tar")))
    assert resolve_collected(one, InterpretOptions()).gaps == ()
    assert listed(one)[-2:] == ["Timeout 8", "IncludeOptional /etc/none/x.conf"]
