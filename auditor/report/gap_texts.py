"""The fixed texts about gaps, and in Japanese what an iLO's gaps advise."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "gap.expected": ("expected until {until} ({owner}: {reason})", "{until} まで想定内 ({owner}: {reason})"),
    "check.expected_gaps": ("Not seen, as expected (does not count)", "想定内の未収集 (判定に影響しません)"),
    "snapshot.unsure": ("{name}  gone, or not seen", "{name}  なくなったか、未収集"),
    "drift.expected": ("not seen, as expected", "未収集 (想定内)"),
}

ADVICE: Final[dict[str, str]] = {
    "Check name, port and network.": "名前、ポート、ネットワークを確認してください。",
    "Set {names} in the environment.": "環境変数 {names} を設定してください。",
    "Look at the iLO's load and the network, then run it again.": (
        "iLO の負荷とネットワークを確認し、再実行してください。"
    ),
    "Look at the iLO itself, whether it works as it should.": "iLO 自体が正常に動作しているか確認してください。",
    "Look at the iLO itself for what matters.": "重要な設定は iLO 自体で確認してください。",
    "Run it again when the iLO has less to do.": "iLO の負荷が下がってから再実行してください。",
    "See what the account lacks:  auditor doctor {target}": "アカウントに不足する権限の確認:  auditor doctor {target}",
    "See what stands in between: a proxy, or another address than the iLO's own.": (
        "途中のプロキシや、iLO 以外のアドレスになっていないかを確認してください。"
    ),
    "Supported are iLO 5, 6 and 7.": "対応するのは iLO 5、6、7 です。",
    "EXPRESSSCOPE Engine and other controllers cannot be read.": (
        "EXPRESSSCOPE エンジンなど、他の管理コントローラーは読み取れません。"
    ),
    "The iLO may have too many sessions: close some, or wait until they end.": (
        "iLO のセッションが上限に達している可能性があります。不要なものを閉じるか、終了を待ってください。"
    ),
    "Change it in the iLO's web interface.": "iLO の Web 画面で変更してください。",
    "Check {user} and {password}; they were tried once only in the whole run, since accounts are locked and log-ins "
    "delayed.": (
        "{user} と {password} を確認してください。アカウントのロックを避けるため、試行は実行全体で 1 回だけです。"
    ),
    "Put {names} right, then run again. Where {refused} alone has another account, name variables of its own: "
    "username_env and password_env of its ilo in auditor.yaml.": (
        "{names} を直して再実行してください。{refused} だけ別のアカウントなら、auditor.yaml のその ilo に "
        "username_env と password_env で専用の変数を指定してください。"
    ),
    "See in the iLO's event log who ends sessions, or whether it restarts; then run again.": (
        "セッションが終了される原因や再起動を iLO のイベントログで確認し、再実行してください。"
    ),
    "Look at those iLOs, then run it again for this one.": "該当の iLO を確認し、この iLO について再実行してください。",
    "Compare the fingerprint with the iLO's own, then trust it:  auditor trust {target}\nOr give the authority that "
    "signed it: --cafile FILE, or cafile: of the host's ilo in auditor.yaml.": (
        "フィンガープリントを iLO 自身の表示と照合してから信頼:  auditor trust {target}\n"
        "または署名した認証局を --cafile FILE、auditor.yaml の cafile: で指定してください。"
    ),
    "Find out who changed it: a renewed certificate, a new board, or somebody in between. Nothing was sent to it.\n"
    "If it is right, trust the new one:  auditor trust {target}": (
        "証明書の更新、基板の交換、途中の第三者など、変わった理由を確認してください。何も送信していません。\n"
        "正しければ新しい証明書を信頼:  auditor trust {target}"
    ),
}
"""What to do about a gap of an iLO: English, as it is said there, and Japanese."""
