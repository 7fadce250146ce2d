"""The fixed texts of reports, in English and Japanese."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from auditor.report.doctor_texts import TEXTS as _DOCTOR
from auditor.report.escape import visible
from auditor.report.explain_texts import TEXTS as _EXPLAIN
from auditor.report.gap_texts import TEXTS as _GAPS
from auditor.report.interface import Language
from auditor.report.package_texts import TEXTS as _PACKAGES
from auditor.report.sentences import said
from auditor.report.trust_texts import TEXTS as _TRUST
from auditor.report.what_if_texts import TEXTS as _WHAT_IF

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # counted things: singular|plural
    "count.rule": ("{n} rule|{n} rules", "ルール {n} 件"),
    "count.target": ("{n} target|{n} targets", "対象 {n} 件"),
    "count.change": ("{n} change|{n} changes", "変更 {n} 件"),
    "count.resource": ("{n} resource|{n} resources", "リソース {n} 件"),
    "count.httpd.route": ("{n} route|{n} routes", "ルート {n} 件"),
    "count.httpd.worker": ("{n} proxy worker|{n} proxy workers", "プロキシワーカー {n} 件"),
    "count.httpd.balancer": ("{n} balancer|{n} balancers", "バランサー {n} 件"),
    "count.httpd.vhost": ("{n} virtual host|{n} virtual hosts", "仮想ホスト {n} 件"),
    "count.httpd.log": ("{n} log|{n} logs", "ログ {n} 件"),
    "count.httpd.file": ("{n} file|{n} files", "ファイル {n} 件"),
    "count.place": ("{n} more place|{n} more places", "ほか {n} 箇所"),
    "count.finding": ("{n} finding|{n} findings", "違反 {n} 件"),
    "count.gap": ("{n} gap|{n} gaps", "未収集 {n} 件"),
    "count.effect": ("{n} more effect|{n} more effects", "ほかの影響 {n} 件"),
    "count.line": ("{n} more line|{n} more lines", "ほか {n} 行"),
    "count.event": ("{n} event|{n} events", "記録 {n} 件"),
    "count.second": ("{n} second|{n} seconds", "{n} 秒"),
    "count.minute": ("{n} minute|{n} minutes", "{n} 分"),
    "count.hour": ("{n} hour|{n} hours", "{n} 時間"),
    "count.disruption.reload": ("{n} reload|{n} reloads", "再読み込み {n} 回"),
    "count.disruption.restart": ("{n} restart|{n} restarts", "再起動 (サービス) {n} 回"),
    "count.disruption.stop and start": ("{n} stop and start|{n} stops and starts", "停止と起動 {n} 回"),
    "count.disruption.iLO reset": ("{n} iLO reset|{n} iLO resets", "iLO リセット {n} 回"),
    "count.disruption.reboot": ("{n} reboot|{n} reboots", "再起動 (本体) {n} 回"),
    "count.document": ("{n} document|{n} documents", "文書 {n} 件"),
    # outcomes and severities
    "outcome.pass": ("pass", "準拠"),
    "outcome.fail": ("fail", "違反"),
    "outcome.waived": ("waived", "猶予"),
    "outcome.not applicable": ("not applicable", "対象外"),
    "outcome.not evaluated": ("could not be evaluated", "評価不能"),
    "severity.info": ("info", "情報"),
    "severity.low": ("low", "低"),
    "severity.medium": ("medium", "中"),
    "severity.high": ("high", "高"),
    "severity.critical": ("critical", "重大"),
    # gaps
    "cause.absent": ("absent", "存在しません"),
    "cause.refused": ("refused", "拒否されました"),
    "cause.not permitted": ("not permitted", "権限がありません"),
    "cause.licence": ("not in the licence", "ライセンス対象外です"),
    "cause.timed out": ("timed out", "時間切れです"),
    "cause.unreachable": ("unreachable", "到達できません"),
    "cause.malformed": ("malformed", "形式が不正です"),
    "cause.too large": ("too large", "大きすぎます"),
    "cause.not trusted": ("not trusted", "信頼されていません"),
    "cause.unsupported": ("unsupported", "未対応です"),
    "cause.undetermined": ("undetermined", "確定できません"),
    "cause.not recognised": ("not recognised", "認識できません"),
    "gap.whole": ("nothing could be seen of it", "全体が未収集です"),
    "gap.hides": ("may hide {kinds}", "{kinds} が隠れている可能性があります"),
    # check
    "check.title": ("Check", "検査報告"),
    "check.clean": ("No findings.", "違反はありません。"),
    "check.clean_in_part": (
        "No findings in what could be examined.",
        "検査できた範囲に違反はありません。",
    ),
    "check.nothing": (
        "Nothing was examined: this is no pass.",
        "何も検査されていません。準拠とは見なしません。",
    ),
    "check.on": ("{rules} on {targets}: {outcomes}", "{targets}に対する{rules}: {outcomes}"),
    "check.affected": (
        "{resources} are affected; --verbose lists them",
        "影響範囲は{resources}です。--verbose で一覧します",
    ),
    "check.more": ("{places}; --verbose lists them", "{places}あります。--verbose で一覧します"),
    "check.waived_until": ("{n} waived ({reasons})", "猶予 {n} ({reasons})"),
    "check.known": ("known before, does not fail the check", "既知の違反のため、判定に影響しません"),
    "check.known_count": ("{findings} known before", "うち既知 {n} 件"),
    "check.unlicensed": (
        "{n} not applicable (for want of a licence: {rules})",
        "対象外 {n} (ライセンスなし: {rules})",
    ),
    "check.not_evaluated": ("Could not be evaluated", "評価不能"),
    "check.not_evaluated_on": ("on {target}", "対象 {target}"),
    "check.not_seen": ("Not seen", "未収集"),
    "check.complete_gaps": ("To be known (does not count)", "参考 (判定に影響しません)"),
    "check.verdict.pass": ("Complete. Nothing at fault.", "検査は完了しました。違反はありません。"),
    "check.verdict.fail": ("Complete. {findings}.", "検査は完了しました。{findings}です。"),
    "check.verdict.incomplete": (
        "Incomplete: what could not be examined is no pass. {findings} so far.",
        "検査は不完全です。検査できなかったものは準拠と見なしません。現時点で{findings}です。",
    ),
    # drift
    "drift.title": ("Drift", "ドリフト報告"),
    "drift.none": ("no change", "変更なし"),
    "drift.none_in_part": ("no change in what could be compared", "比較できた範囲では変更なし"),
    "drift.not_seen": ("NOT SEEN", "未収集"),
    "drift.coverage": ("coverage {seen} of {all}", "網羅率 {all} 件中 {seen} 件"),
    "drift.since": ("{changes} since {since}", "{since} 以降の{changes}"),
    "drift.removed": ("removed", "削除"),
    "drift.added": ("added", "追加"),
    "drift.absent": ("absent", "なし"),
    "drift.agreed_by": ("agreed in {baseline}", "基準 {baseline}"),
    "drift.newer": ("newer than agreed in {baseline}", "基準 {baseline} より新しいバージョン"),
    "drift.older": ("older than agreed in {baseline}", "基準 {baseline} より古いバージョン"),
    "drift.effect": (
        "effective {attribute} of {routes}: {before} → {after}",
        "{routes}の実効値 {attribute}: {before} → {after}",
    ),
    "drift.effect_one": (
        "effective {attribute} of {name}: {before} → {after}",
        "{name} の実効値 {attribute}: {before} → {after}",
    ),
    "drift.text": ("lines changed", "変更された行"),
    "drift.compare_gap": ("could not be compared", "比較不能"),
    "drift.look": ("Who changed it, and when:", "変更者と時刻の確認:"),
    "drift.more": ("{effects}; --verbose lists them", "{effects}。--verbose で一覧します"),
    "drift.lists": ("--verbose lists them", "--verbose で一覧します"),
    "drift.verdict.none": ("Everything is as agreed.", "すべて合意どおりです。"),
    "drift.verdict.changed": ("Not as agreed: {changes}.", "合意と異なります: {changes}。"),
    "drift.verdict.incomplete": (
        "Incomplete: what was not seen is not unchanged. {changes} so far.",
        "比較は不完全です。未収集のものは変更なしと見なしません。現時点で{changes}です。",
    ),
    "hand.plan": ("plan", "変更計画"),
    "hand.out of band": ("out of band", "想定外の変更"),
    "hand.package": ("package update", "パッケージ更新"),
    "hand.unknown": ("unknown", "不明"),
    "hand.no_plan": ("by no plan of the ledger", "該当する変更計画なし"),
    "hand.a_package": ("a package was changed", "パッケージの変更"),
    "hand.with_package": ("with a package", "パッケージに伴う変更"),
    # set, but not yet effective
    "waiting.title": ("Set, but not yet effective", "設定済み・未反映"),
    "waiting.value": ("{now} now, {then} after the next {until}", "現在 {now}、次回の{until} 以降 {then}"),
    "waiting.by_itself": ("{now} now, {then} once the target takes it over", "現在 {now}、反映後 {then}"),
    "waiting.untold": (
        "settings are stored that count only after the next {until}; which ones is not said",
        "次回の{until} まで有効にならない設定が保存されています (項目は不明)",
    ),
    "waiting.unreadable": ("not readable", "読み取り不可"),
    "waiting.change": (
        "set, but not yet effective: {then} after the next {until}",
        "設定済み・未反映: 次回の{until} 以降 {then}",
    ),
    "waiting.change_by_itself": ("set, but not yet effective: {then}", "設定済み・未反映: {then}"),
    "waiting.effect": ("Effect", "内容"),
    # history
    "alerts.arrived": ("arrived after {seconds} s at {via}", "{seconds} 秒後に到着 ({via})"),
    "alerts.not arrived": ("NOT ARRIVED", "未着"),
    "alerts.not tested": ("could not be tested", "試験不能"),
    "alerts.not set up": ("not set up", "未設定"),
    "alerts.nowhere": ("nowhere", "送信先なし"),
    "alerts.places": (
        "It sends to {sends}; arrivals were watched for at {via}.",
        "送信先は {sends}、到着の監視先は {via} です。",
    ),
    "alerts.strangers": ("Arrived, and no proof for anybody:", "到着したものの、証明とは見なさないもの:"),
    "alerts.summary": (
        "{arrived} arrived, {lost} did not arrive, {untested} could not be tested, "
        "{failed} targets not reached; waited {seconds} s",
        "到着 {arrived}、未着 {lost}、試験不能 {untested}、到達できない対象 {failed} (待機 {seconds} 秒)",
    ),
    "alerts.recorded": ("Recorded in the fleet's ledger.", "フリートの台帳に記録しました。"),
    "alerts.not recorded": (
        "Not recorded: there is no ledger, or nothing was asked for.",
        "台帳がないか、試験を要求していないため、記録していません。",
    ),
    "history.added": ("added", "追加"),
    "history.removed": ("removed", "削除"),
    "history.changed": ("changed", "変更"),
    "history.between": ("between {before} and {after}", "{before} から {after} の間"),
    "history.at": ("seen {after}", "{after} に確認"),
    "history.none": ("It never changed since it was first seen.", "最初に確認されて以来、変更はありません。"),
    "history.snapshots": ("Snapshots, newest first", "スナップショット (新しい順)"),
    "history.plan_unread": (
        "the plan itself cannot be read here: {why}",
        "変更計画の本体をここでは読めません: {why}",
    ),
    "history.no_event": ("The ledger tells nothing of it.", "台帳に記録がありません。"),
    "event.planned": ("planned", "作成"),
    "event.approved": ("approved", "承認"),
    "event.emergency approved": ("emergency approved", "緊急承認"),
    "event.reviewed": ("reviewed", "事後確認"),
    "event.rehearsed": ("rehearsed", "事前検証"),
    "event.applied": ("applied", "適用"),
    "event.confirmed": ("confirmed", "確定"),
    "event.rolled back": ("rolled back", "切り戻し"),
    "event.refused": ("refused", "拒否"),
    "event.taken back": ("taken back", "失敗後の切り戻し"),
    "event.incomplete": ("incomplete", "未完了 (要対応)"),
    "event.agreed": ("agreed", "合意"),
    "event.alert tested": ("alert tested", "通知試験"),
    # snapshot and baseline adopt
    "snapshot.new": ("new", "新規"),
    "snapshot.changed": ("changed", "変更あり"),
    "snapshot.unchanged": ("unchanged", "変更なし"),
    "snapshot.not seen": ("NOT SEEN", "未収集"),
    "snapshot.agreed": ("agreed", "合意済み"),
    "snapshot.same": ("{targets} unchanged", "{targets}は変更なし"),
    "snapshot.identical": (
        "Nothing changed: tree {tree}, identical with the snapshot before.",
        "変更はありません。前回のスナップショットと同一のツリー {tree} です。",
    ),
    "snapshot.identical_in_part": (
        "Nothing changed in what was seen: tree {tree}, identical with the snapshot before.",
        "確認できた範囲に変更はありません。前回のスナップショットと同一のツリー {tree} です。",
    ),
    "snapshot.unseen": (
        "Nothing was seen: tree {tree} stays as it was.",
        "何も確認できませんでした。ツリー {tree} は前回のままです。",
    ),
    "snapshot.revision": ("snapshot {revision}, {when}", "スナップショット {revision}、{when}"),
    "adopt.adopted": ("{values} values of {targets} adopted: {file}", "{targets}から {values} 件の値を採用: {file}"),
    "adopt.outliers": ("Outliers", "外れ値"),
    "adopt.others": ("the others have", "他は"),
    "adopt.not_adopted": ("Not adopted", "採用しなかったもの"),
    "adopt.next": (
        "Read the file, correct it, commit it. Then:  auditor drift",
        "ファイルを確認・修正し、コミットしてください。次に:  auditor drift",
    ),
    # plan, show, approve, apply, rollback
    "plan.made": ('by "{author}", {created}', '作成者 "{author}"、{created}'),
    "plan.expires": ("expires {expires}", "有効期限 {expires}"),
    "plan.effects": ("effects", "影響範囲"),
    "plan.consequence": ("a consequence", "付随"),
    "plan.before": ("before each target:", "各対象の変更前:"),
    "plan.probe": ("asked before and after:", "変更の前後に確認:"),
    "plan.after": ("after each target:", "各対象の変更後:"),
    "plan.stop_after": ("stops after more than {n} failures", "失敗が {n} 件を超えたら停止"),
    "plan.at_once": ("{n} at once", "同時に {n} 件"),
    "plan.pause": ("then waits {seconds} s", "その後 {seconds} 秒待機"),
    "plan.in_sum": ("Disrupts in sum:", "中断の合計:"),
    "plan.no_disruption": ("Disrupts nothing", "中断なし"),
    "plan.about": ("about {time}", "約 {time}"),
    "plan.pauses": ("{time} of pauses between waves", "ウェーブ間の待機 {time}"),
    "interrupt.question": (
        "Interrupted. What is under way goes on until you decide; nothing else is begun.\n"
        "  t  take it back (also: Ctrl-C again)\n"
        "  c  complete it, then stop\n"
        "  g  go on with all of the plan\n"
        "t, c or g?",
        "中断されました。選択するまで進行中の変更は続き、次の対象には進みません。\n"
        "  t  進行中の変更を切り戻す (もう一度 Ctrl-C でも同じ)\n"
        "  c  進行中の変更を完了してから停止する\n"
        "  g  計画を最後まで続ける\n"
        "t, c, g のどれですか?",
    ),
    "interrupt.completes": (
        "Interrupted: what is under way is completed, nothing else is begun. Ctrl-C takes it back.",
        "中断: 進行中の変更を完了し、次の対象には進みません。Ctrl-C で切り戻します。",
    ),
    "interrupt.takes_back": (
        "Interrupted: what is under way is taken back, to the end.",
        "中断: 進行中の変更を最後まで切り戻します。",
    ),
    "plan.fixes": ("fixes", "解消する違反:"),
    "plan.introduces": ("introduces", "新たに生じる違反:"),
    "plan.links": ("the server reads it by {links}", "サーバーは {links} を通して読み込みます"),
    "plan.undo_bytes": ("back: the same lines as before, byte for byte", "切り戻し: 元の行に完全一致で戻します"),
    "plan.undo_whole": (
        "back: what stood there before, byte for byte, with mode and owner",
        "切り戻し: 元の内容・モード・所有者に完全一致で戻します",
    ),
    "plan.file_created": ("a new file, {access}", "新しいファイル ({access})"),
    "plan.file_deleted": (
        "the file is deleted ({access}); its bytes stay in the backup",
        "ファイルを削除します ({access})。内容はバックアップに残ります",
    ),
    "plan.file_replaced": ("the whole file is replaced, {access}", "ファイル全体を置き換えます ({access})"),
    "plan.secret": ("a secret from {place}", "秘密情報 ({place} から)"),
    "plan.secret_known": (
        "held to its keyed digest, so that no other is used",
        "鍵付きダイジェストと照合し、ほかの値は使いません",
    ),
    "plan.secret_unknown": (
        "checked by its name only: it was not at hand when the plan was made",
        "計画作成時に参照できなかったため、名前だけを確認します",
    ),
    "plan.packages": (
        "one transaction of the package manager; its scripts may start the server anew, else that is done; "
        "configuration files that somebody changed are kept",
        "パッケージマネージャーの一つのトランザクションで行います。サーバーはスクリプトまたは本ツールが起動し直し、"
        "変更済みの設定ファイルは保持されます",
    ),
    "plan.undo_packages": (
        "back: the same versions as before, and the tree as it was, byte for byte",
        "切り戻し: 元のバージョンに戻し、ツリーも完全一致で戻します",
    ),
    "plan.undo_made": ("back: it is removed", "切り戻し: 削除します"),
    "plan.undo_removed": ("back: it is made again as it was", "切り戻し: 元と同じ内容で作り直します"),
    "plan.undo_values": ("back: the same values as before", "切り戻し: 元の値に戻します"),
    "plan.no_undo": ("cannot be taken back: {reason}", "切り戻せません: {reason}"),
    "plan.signed": ('Author\'s signature: "{name}", SSH key {key}', '作成者の署名: "{name}"、SSH 鍵 {key}'),
    "plan.unsigned": ("Author's signature: none that counts", "作成者の署名: 有効なものなし"),
    "plan.approvals": ("Approvals: {n} of {required}", "承認: {required} 件中 {n} 件"),
    "plan.group": ("of the group {name}: {n} of {required}", "グループ {name}: {required} 件中 {n} 件"),
    "plan.emergency": (
        'EMERGENCY: approved by "{name}" alone, SSH key {key}; not yet reviewed',
        '緊急承認: "{name}" 単独、SSH 鍵 {key}。事後確認は未実施',
    ),
    "plan.emergency_reviewed": (
        'Approved in an emergency by "{name}", SSH key {key}; reviewed since',
        '"{name}" による緊急承認、SSH 鍵 {key}。事後確認済み',
    ),
    "plan.emergency_told": (
        "Every report tells of it until others have reviewed it.",
        "ほかの承認者が事後確認を終えるまで、すべてのレポートに表示されます。",
    ),
    "plan.consented": (
        "Irreversible steps, each consented to by the author: {steps}",
        "切り戻せない手順 (作成者が個別に同意済み): {steps}",
    ),
    "plan.irreversible": ("Irreversible steps: {steps}", "切り戻せない手順: {steps}"),
    "plan.none": ("none", "なし"),
    "plan.ready": (
        "It could be applied now: every precondition was read again and holds.",
        "適用できます。前提条件をすべて再確認しました。",
    ),
    "plan.ready_unseen": (
        "Nothing stands against it here; the targets were not looked at (--look does).",
        "妨げるものはありません。対象は未確認です (--look で確認します)。",
    ),
    "plan.not_ready": ("It could not be applied now:", "現在は適用できません:"),
    "plan.written": ("Written to {folder}", "保存先 {folder}"),
    "plan.next": ("Next:", "次に:"),
    "plan.approved": (
        'Plan {plan} approved by "{name}", SSH key {key}',
        '変更計画 {plan} を "{name}" が承認、SSH 鍵 {key}',
    ),
    "disruption.none": ("no disruption", "影響なし"),
    "disruption.reload": ("reload", "再読み込み"),
    "disruption.restart": ("restart", "再起動 (サービス)"),
    "disruption.stop and start": ("stop and start", "停止と起動"),
    "disruption.iLO reset": ("iLO reset", "iLO リセット"),
    "disruption.reboot": ("reboot", "再起動 (本体)"),
    "ledger.verified": ("The ledger is as it was written", "台帳は書き込まれたときのままです"),
    "ledger.altered": ("The ledger was ALTERED", "台帳が改変されています"),
    "ledger.unverified": ("The ledger could not be verified in full", "台帳を完全には検証できませんでした"),
    "ledger.counted": (
        "{n} entries, {sealed} of them sealed; {signatures} signatures verified",
        "記録 {n} 件 (うち封印済み {sealed} 件)、検証済みの署名 {signatures} 件",
    ),
    "ledger.since": (
        "It holds all that was verified here before, on {since}",
        "前回 {since} にここで検証した内容をすべて含んでいます",
    ),
    "ledger.tip": ("Its last commit: {tip}", "最新のコミット: {tip}"),
    "rehearsal.title": ("Rehearsal of plan {plan}", "変更計画 {plan} のリハーサル"),
    "rehearsal.on": ("on {copy}", "対象の複製: {copy}"),
    "rehearsal.none": ("Not rehearsed", "リハーサル未実施"),
    "rehearsal.line": ("Rehearsal: {outcome}, {time}", "リハーサル: {outcome}、{time}"),
    "rehearsed.passed": ("passed: forward, back, forward", "成功 (適用・切り戻し・再適用)"),
    "rehearsed.failed": ("FAILED; the plan is void", "失敗、この計画は無効です"),
    "rehearsed.not rehearsed": ("not rehearsed", "リハーサル未実施"),
    "apply.forward": ("Apply plan {plan}", "変更計画 {plan} の適用"),
    "apply.confirm": ("Keep it:", "確定:"),
    "apply.back": ("Take it back:", "切り戻し:"),
    "rollback.title": ("Take back plan {plan}", "変更計画 {plan} の切り戻し"),
    "became.applied": ("applied and verified", "適用・検証済み"),
    "became.already": ("as wanted already", "すでに望みどおり"),
    "became.confirmed": ("confirmed, stays", "確定"),
    "became.refused": ("refused, not changed", "拒否、変更なし"),
    "became.taken back": ("failed; taken back and verified", "失敗、切り戻し・検証済み"),
    "became.incomplete": ("FAILED, and taking back is incomplete", "失敗、切り戻しも不完全"),
    "became.not started": ("not started", "未着手"),
    "became.unproven": ("put back, NOT SEEN to be as before", "切り戻し済み、元どおりとは確認できません"),
    "became.rolled back": ("as before, verified", "元どおり・検証済み"),
    # general
    "incomplete": ("incomplete", "不完全"),
    "taken_at": ("taken {when}", "取得 {when}"),
    "exit": ("exit {code}", "終了コード {code}"),
    "html.findings": ("Findings", "違反"),
    "html.gaps": ("Could not be seen or evaluated", "未収集・評価不能"),
    "html.passes": ("All rules", "全ルール"),
    "html.rule": ("Rule", "ルール"),
    "html.title": ("Title", "題名"),
    "html.severity": ("Severity", "重要度"),
    "html.outcome": ("Outcome", "判定"),
    "html.examined": ("Examined", "検査数"),
    "html.target": ("Target", "対象"),
    "html.source": ("Source", "根拠"),
    "html.message": ("What", "内容"),
    "html.address": ("Address", "アドレス"),
    "html.why": ("Why", "理由"),
    "html.cause": ("Cause", "原因"),
    "html.next": ("What to do", "対処"),
    "html.rationale": ("Why it matters", "背景"),
    "html.references": ("References", "参考"),
    "html.unlicensed": ("Not applicable: licence", "対象外 (ライセンス)"),
    "html.waived": ("Waived", "猶予中"),
    "html.before": ("Before", "変更前"),
    "html.after": ("After", "変更後"),
    "html.hand": ("By whose hand", "変更者"),
    "html.changes": ("Changes", "変更"),
    "html.unchanged": ("Unchanged", "変更なし"),
    "html.produced": ("auditor {version}", "auditor {version}"),
    "html.evidence": ("See also", "関連箇所"),
    **_DOCTOR,
    **_EXPLAIN,
    **_GAPS,
    **_PACKAGES,
    **_TRUST,
    **_WHAT_IF,
}


class Words:
    """The texts of one language."""

    def __init__(self, lang: Language) -> None:
        self.lang: Language = lang
        self._column = 1 if lang == "ja" else 0

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of that key with its values filled in; a key that is not in the catalogue is an error."""
        return _TEXTS[key][self._column].format(**values)

    def said(self, text: str) -> str:
        """What another room says in English, in this language where it is known; else as it is."""
        return said(text, self.lang)

    def count(self, thing: str, number: int) -> str:
        """``3 rules``: a number with what it counts (a kind of resource too), in the form the number asks for."""
        forms = _TEXTS.get(f"count.{thing}", _TEXTS["count.resource"])[self._column].split("|")
        return forms[0 if number == 1 else -1].format(n=self.number(number))

    def number(self, number: int) -> str:
        """The number with the language's separators."""
        if -1000 < number < 1000:
            return str(number)
        from babel.numbers import format_decimal

        return format_decimal(number, locale=self.lang)

    def moment(self, iso: str) -> str:
        """A moment as people of that language write it, in UTC; a text that is no ISO 8601 moment stays as it is."""
        try:
            moment = datetime.fromisoformat(iso)
        except ValueError:
            return visible(iso)
        from babel.dates import format_datetime, get_timezone

        pattern = "y年M月d日 HH:mm 'UTC'" if self.lang == "ja" else "yyyy-MM-dd HH:mm 'UTC'"
        return format_datetime(moment, pattern, tzinfo=get_timezone("UTC"), locale=self.lang)


def keys() -> tuple[str, ...]:
    """Every key of the catalogue."""
    return tuple(_TEXTS)
