"""The fixed texts about certificates and who trusts them, in English and Japanese."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "count.certificate": ("{n} certificate|{n} certificates", "証明書 {n} 件"),
    "trust.subject": ("subject", "主体者"),
    "trust.issuer": ("issuer", "発行者"),
    "trust.valid": ("valid", "有効期間"),
    "trust.dates": ("{start} to {end}", "{start} から {end}"),
    "trust.fingerprint": ("fingerprint", "フィンガープリント"),
    "trust.unread": ("it cannot be made sense of", "内容を解釈できません"),
    "trust.before": ("pinned before", "固定済み"),
    "trust.since": ("{fingerprint}, since {since}", "{fingerprint}、{since} から"),
    "trust.verdict.pinned": ("pinned", "固定しました"),
    "trust.verdict.replaced": ("pinned in place of the one before", "以前の証明書に代えて固定しました"),
    "trust.verdict.kept": ("pinned already", "すでに固定されています"),
    "trust.verdict.other fingerprint": ("NOT PINNED: another fingerprint was told", "固定せず: 指定と異なります"),
    "trust.verdict.not agreed": ("NOT PINNED: nobody vouched for it", "固定せず: 確認されていません"),
    "trust.verdict.not reached": ("NOT PINNED: no certificate was shown", "固定せず: 証明書が示されません"),
    "trust.wanted": ("told", "指定"),
    "trust.ask": (
        "Compare the fingerprint with the one in the iLO's own web interface or console.\nTrust it? [y/N] ",
        "iLO の Web 画面またはコンソールのフィンガープリントと比較してください。\n信頼しますか? [y/N] ",
    ),
    "trust.how": (
        "A certificate is pinned once somebody vouches for it: answer at a terminal, or give --fingerprint, or a list "
        "with --fingerprints.",
        "証明書の固定には確認が必要です。端末で回答するか、--fingerprint または --fingerprints で指定してください。",
    ),
    "trust.changed_how": (
        "Find out who changed the certificate before it is trusted; what was pinned stays.",
        "信頼する前に、だれが証明書を変えたか確認してください。固定済みの証明書はそのままです。",
    ),
    "trust.kept_in": ("Pins are kept in {folder}.", "固定した証明書の保存先は {folder} です。"),
    "trust.commit": (
        "Review and commit them like code: whoever can change that folder decides which iLO is believed.",
        "コードと同様にレビューしてコミットしてください。このフォルダーを変更できる人が、信頼する iLO を決めます。",
    ),
    "trust.none": ("Nothing is pinned in {folder}.", "{folder} に固定された証明書はありません。"),
    "trust.removed": ("removed: {path}", "削除: {path}"),
    "trust.by": ("since {since}, {by}", "{since} から、{by}"),
    "trust.from": ("since {since}", "{since} から"),
    "trust.expired": ("expired on {end}; a pin counts all the same", "{end} に期限切れ。固定は有効です"),
}
