"""The fixed texts of what-if, in English and Japanese."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "what_if.asked": ("Asked", "指定"),
    "what_if.allowed": ("may be: {allowed}", "設定可能な値: {allowed}"),
    "what_if.changes": ("Changes with it", "これに伴う変更"),
    "what_if.no_changes": ("Nothing else changes.", "ほかに変わるものはありません。"),
    "what_if.no_known_changes": ("Nothing else is known to change.", "ほかに変わるものは確認されていません。"),
    "what_if.limits": ("May be set otherwise then", "設定の可否と範囲の変化"),
    "what_if.locked": ("locked: {why}", "変更不可: {why}"),
    "what_if.unlocked": ("no longer locked", "変更可能"),
    "what_if.hidden": ("hidden", "非表示"),
    "what_if.unhidden": ("shown", "表示"),
    "what_if.unknown": ("{aspect}: not decided", "{aspect}: 確定できません"),
    "what_if.bound": ("{aspect}: {before} → {after}", "{aspect}: {before} → {after}"),
    "what_if.unbounded": ("any", "制限なし"),
    "what_if.aspect.locked": ("locked or not", "変更可否"),
    "what_if.aspect.hidden": ("hidden or shown", "表示"),
    "what_if.aspect.least": ("at least", "下限"),
    "what_if.aspect.most": ("at most", "上限"),
    "what_if.aspect.step": ("in steps of", "刻み"),
    "what_if.aspect.shortest": ("characters at least", "最小文字数"),
    "what_if.aspect.longest": ("characters at most", "最大文字数"),
    "what_if.refused": ("Refused", "拒否"),
    "what_if.undecided": ("Could not be decided", "確定できない事項"),
    "what_if.anything": ("anything", "すべて"),
    "what_if.about.value": ("its value", "値"),
    "what_if.about.lock": ("locked or not", "変更可否"),
    "what_if.about.hidden": ("hidden or shown", "表示"),
    "what_if.about.bounds": ("its bounds", "範囲"),
    "what_if.about.form": ("its form", "形式"),
    "what_if.disruption": ("It takes: {disruption}", "必要な中断: {disruption}"),
    "what_if.not_seen": ("Could not be read", "読み取れません"),
    "what_if.may_hide": ("Not seen; it may hide what else changes", "未収集 (ほかの変更が隠れている可能性があります)"),
    "what_if.plan": ("To plan it:", "変更計画の作成:"),
    "what_if.more": ("{n} more; --verbose lists them", "ほか {n} 件。--verbose で一覧します"),
    "what_if.alike": ("{n} alike; --verbose lists them", "同じもの {n} 件。--verbose で一覧します"),
}
