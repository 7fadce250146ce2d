"""Texts about the packages that files belong to, English and Japanese."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "plan.package": ("of the package {package}, {kind}: {update}", "パッケージ {package} の{kind}: {update}"),
    "plan.package_unknown": (
        "which package it belongs to is not known: {why}",
        "どのパッケージのファイルか不明です: {why}",
    ),
    "package.noreplace": ("%config(noreplace) of rpm", "設定ファイル (rpm の %config(noreplace))"),
    "package.config": ("%config of rpm", "設定ファイル (rpm の %config)"),
    "package.ghost": ("%ghost of rpm", "管理対象ファイル (rpm の %ghost)"),
    "package.conffile": ("a conffile of dpkg", "設定ファイル (dpkg の conffile)"),
    "package.obsolete": ("a conffile of dpkg that it no longer delivers", "設定ファイル (dpkg の廃止された conffile)"),
    "package.ucf": ("kept by ucf", "設定ファイル (ucf が管理)"),
    "package.shared": ("no configuration file of them", "ファイル (設定ファイルではありません)"),
    "package.plain": ("no configuration file of it", "ファイル (設定ファイルではありません)"),
    "package.update_noreplace": (
        "an update keeps it, and puts a new version beside it as .rpmnew",
        "更新時もこのファイルは残り、新しい版は .rpmnew として隣に置かれます",
    ),
    "package.update_config": (
        "an update with a new version replaces it, and puts it beside that as .rpmsave",
        "新しい版への更新時に置き換えられ、このファイルは .rpmsave として隣に残ります",
    ),
    "package.update_conffile": (
        "an update asks; where it may not, it keeps it, and puts a new version beside it as .dpkg-dist",
        "更新時に確認されます。確認できない場合はこのファイルが残り、新しい版は .dpkg-dist として隣に置かれます",
    ),
    "package.update_ucf": (
        "an update asks; where it may not, it keeps it, and puts a new version beside it as .ucf-dist",
        "更新時に確認されます。確認できない場合はこのファイルが残り、新しい版は .ucf-dist として隣に置かれます",
    ),
    "package.update_plain": (
        "the next update OVERWRITES this change, without a copy",
        "次の更新でこの変更は上書きされ、写しも残りません",
    ),
    "package.comes_back": ("an update brings it back", "更新時に元どおり作成されます"),
    "package.stays_away": ("an update does not bring it back", "更新しても作成されません"),
    "package.left": ("an update leaves it alone", "更新時にも変更されません"),
}

SAID: Final[dict[str, str]] = {
    "the package manager of its machine was not asked": "対象装置のパッケージ管理に照会していません",
    "no package manager was found there": "対象装置にパッケージ管理が見つかりません",
    "rpm knows of no package there": "rpm のデータベースが空です",
    "rpm knows it by another name of the same place, or did not say": (
        "rpm は同じ場所の別名で管理しているか、回答しませんでした"
    ),
    "its name is diverted (dpkg-divert)": "名前が dpkg-divert で変更されています",
    "the package manager was asked about files that are there, and those of the tree": (
        "パッケージ管理に照会したのは、存在するファイルとツリー内のファイルだけです"
    ),
    "the package manager cannot be asked about such a name": "この名前はパッケージ管理に照会できません",
    "{name} is no configuration file of its package {package}: the next update brings it back": (
        "{name} はパッケージ {package} の設定ファイルではありません。次の更新で元どおり作成されます"
    ),
    "{name} is no configuration file of its package {package}: the next update overwrites this change; a line of your "
    "own in {own}, which is read after it ({place}), would stay, where the later line governs": (
        "{name} はパッケージ {package} の設定ファイルではありません。次の更新でこの変更は上書きされます。"
        "後で読み込まれる独自の {own} ({place}) に書けば残ります (後の行が優先される場合)"
    ),
    "{name} is no configuration file of its package {package}: the next update overwrites this change": (
        "{name} はパッケージ {package} の設定ファイルではありません。次の更新でこの変更は上書きされます"
    ),
}
"""Sentences that other rooms say, with blanks to fill in."""
