"""Sentences that other rooms say in English, in the report's language; one that is not known here stays as it is."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from auditor.report.gap_texts import ADVICE
from auditor.report.interface import Language
from auditor.report.package_texts import SAID as PACKAGES

_LONGEST: Final = 2_000
_JAPANESE: Final[dict[str, str]] = {
    **ADVICE,
    **PACKAGES,
    # alert tests
    "the iLO said that it would send it": "iLO は送信すると応答しました",
    "Compare where the iLO sends with where arrivals are watched for; then network and filters.": (
        "iLO の送信先と監視先を照合し、次にネットワークとフィルターを確認してください。"
    ),
    "{n} messages from its address could not be read or verified": (
        "この装置のアドレスからの {n} 件は、読み取りまたは検証ができません"
    ),
    "SNMP v3: compare user, protocols, pass phrases and engine id with the iLO's.": (
        "SNMP v3 のユーザー、プロトコル、パスフレーズ、エンジン ID を iLO と照合してください。"
    ),
    "the licence lacks it: status {said}": "ライセンス対象外です: 状態 {said}",
    "the iLO refused: status {said}": "iLO が拒否しました: 状態 {said}",
    "AlertMailEnabled is off": "AlertMailEnabled が無効です",
    "RemoteSyslogEnabled is off": "RemoteSyslogEnabled が無効です",
    "AlertsEnabled is off": "AlertsEnabled が無効です",
    "the iLO logs in to its mail server, and a sink takes no password: ask a mailbox": (
        "iLO はメールサーバーにログインしますが、受信側はパスワードを受け取りません。メールボックスを確認してください"
    ),
    "no server is set": "サーバーが設定されていません",
    "there is no SNMP destination": "SNMP 宛先がありません",
    "there is no event subscription": "イベント購読がありません",
    "comes from an address of several machines and names none of them: {names}": (
        "複数の装置のアドレスから届き、どの装置の名前もありません: {names}"
    ),
    "names what several machines are called: {names}": "複数の装置に共通の名前しかありません: {names}",
    "names several machines: {names}": "複数の装置の名前があります: {names}",
    "names no machine of this run and comes from no address of one": ("今回の対象の名前もアドレスもありません"),
    # explain: what governs, and why not
    "falls back to the read time-out": "読取タイムアウトと同じ値になります",
    "no connectiontimeout= is set": "connectiontimeout= は設定されていません",
    "a Unix socket has none": "Unix ソケットにはありません",
    "no ProxyPass, RewriteRule [P] or proxy handler takes this path": (
        "このパスに該当する ProxyPass、RewriteRule [P]、プロキシのハンドラーはありません"
    ),
    "a Redirect takes it": "Redirect が適用されます",
    "{line} ! excludes it from proxying": "{line} ! により転送対象から除外されます",
    "on a balancer it is the wait for a usable member, never a read time-out": (
        "バランサーでは使用可能なメンバーを待つ時間であり、読取タイムアウトではありません"
    ),
    "it is for the members of a balancer; httpd does not start with it here": (
        "バランサーのメンバー用です。ここに書くと httpd は起動しません"
    ),
    "no proxy worker matches this URL, the generic one serves it": (
        "この URL に一致するワーカーがなく、汎用のワーカーが処理します"
    ),
    "overridden by {what}": "{what} が優先されます",
    "the main server's proxy worker {name} comes first": "主サーバーのワーカー {name} が優先されます",
    "the worker was made by {made}": "ワーカーは {made} で作成されています",
    "a later {name} of the same server replaces it": "同じサーバーの後の {name} で置き換えられます",
    "0 in a virtual host means the main server's": "仮想ホストの 0 は主サーバーの値を意味します",
    "the virtual host has its own": "仮想ホストに独自の設定があります",
    "its unit is dropped: {seconds} s": "単位は無視され、{seconds} 秒になります",
    "answered by {who} where the name leads to {address}": "名前が {address} を指す場合は {who} が応答します",
    # explain: how it fails
    "It looks like a fault of the back end.": "バックエンドの障害のように見えます。",
    "AH01030 goes to the main server's error log.": "AH01030 は主サーバーのエラーログに出ます。",
    "Nothing is written to the error log.": "エラーログには何も出ません。",
    "It is tried twice; nothing is written to the error log.": "2 回試行し、エラーログには何も出ません。",
    "It is tried {times} times; nothing is written to the error log.": (
        "{times} 回試行し、エラーログには何も出ません。"
    ),
    "Before 2.4.24 the status is 400.": "2.4.24 より前の状態は 400 です。",
    "A redirect or an error that httpd sends itself keeps its status.": (
        "httpd 自身が返すリダイレクトとエラーの状態は変わりません。"
    ),
    "The connection is closed without an answer.": "応答なしで接続が切れます。",
    "The child process that saw the failure tries no connection for so long.": (
        "失敗を検知した子プロセスは、その間は接続を試みません。"
    ),
    "A request that is no WebSocket handshake is not proxied at all.": (
        "WebSocket のハンドシェイクではない要求は転送されません。"
    ),
    "Of a request that is no handshake.": "ハンドシェイクではない要求の場合です。",
    "Only a request with a body is preceded by it.": "本文のある要求の前にだけ行われます。",
    "It is that long for every address that the name has.": "名前が持つアドレスごとに、この時間がかかります。",
    "At the most: it depends on which members are tried.": "最大値です。どのメンバーを試行するかで変わります。",
    "Timeout 0 answers at once, before any back end can.": (
        "Timeout 0 では、バックエンドの応答を待たずに直ちに応答します。"
    ),
    "{module} is not loaded.": "{module} はロードされていません。",
    'The log says "{said}", without an identifier.': "ログには識別子なしで「{said}」と出ます。",
    # explain: what may end it otherwise
    "balancer-manager ({place}) lets members be added, disabled and given other duties while the server runs: that is "
    "not seen here": (
        "balancer-manager ({place}) により、稼働中にメンバーの追加、無効化、役割の変更ができます。"
        "その変更はここでは見えません"
    ),
    "{set} ({place}): a member whose health checks fail is left out until they succeed; where none is left, 503 comes "
    "at once": (
        "{set} ({place}): ヘルスチェックに失敗したメンバーは、成功するまで使われません。"
        "全メンバーが外れると直ちに 503 になります"
    ),
    "CacheEnable ({place}): what mod_cache holds is answered without the back end, and where that fails with a 5xx a "
    "stale entry is (CacheStaleOnError)": (
        "CacheEnable ({place}): mod_cache が保持する内容はバックエンドを使わずに返され、バックエンドが 5xx で失敗すると"
        "期限切れの内容が返されます (CacheStaleOnError)"
    ),
    "Protocols ({place}): a client that speaks HTTP/2 is held to other limits than those told here (H2StreamTimeout "
    "since 2.4.55)": (
        "Protocols ({place}): HTTP/2 のクライアントには、ここに示すものとは別の制限が適用されます "
        "(2.4.55 以降は H2StreamTimeout)"
    ),
    # explain: what is undetermined
    "{line} ({place}): {files} may hold RewriteRule [P] or SetHandler": (
        "{line} ({place}): {files} に RewriteRule [P] または SetHandler がある可能性があります"
    ),
    "{line} ({place}): its pattern cannot be tried here, and it may take the path": (
        "{line} ({place}): パターンをここでは評価できず、このパスに一致する可能性があります"
    ),
    "{line} ({place}) depends on the file the request names": "{line} ({place}) は要求が指すファイルによります",
    "{line} ({place}): a request that goes through that proxy and ends in 502 is sent once more without it, and "
    "may wait twice as long": (
        "{line} ({place}): そのプロキシを経由して 502 になった要求は、プロキシなしでもう一度送られ、"
        "2 倍の時間がかかることがあります"
    ),
    "{line} ({place}) makes {host} of the host {written}: either both of its paths should end in a slash, or neither": (
        "{line} ({place}) によりホスト {written} が {host} になります。両方のパスの末尾にスラッシュを付けるか、"
        "どちらにも付けないでください"
    ),
    "{line} ({place}): a request that it is for goes on there, and to a back end": (
        "{line} ({place}): 該当する要求はその先のバックエンドへ渡されます"
    ),
    "{line} ({place}): a request for what is no file goes on there, and to a back end": (
        "{line} ({place}): ファイルが存在しない要求はその先のバックエンドへ渡されます"
    ),
    "where {path} is a directory, its index {index} goes to a back end": (
        "{path} がディレクトリの場合、インデックス {index} がバックエンドへ渡されます"
    ),
    "{line} ({place}): MultiViews may choose a file whose name goes on, and whose handler proxies": (
        "{line} ({place}): MultiViews により、転送するハンドラーを持つ別名のファイルが選ばれる可能性があります"
    ),
    "where {path} is a file, what follows is no part of its name: another handler counts": (
        "{path} がファイルの場合、以降はその名前に含まれず、別のハンドラーが適用されます"
    ),
    "{line} ({place}) takes the handler away where it counts": (
        "{line} ({place}) が適用される場合、ハンドラーは無効になります"
    ),
    "{line} ({place}): a request for which no-proxy is set is not proxied (since 2.4.26)": (
        "{line} ({place}): no-proxy が設定された要求は転送されません (2.4.26 以降)"
    ),
    "{line} ({place}) redirects before any back end is asked": (
        "{line} ({place}) によりバックエンドに送られる前にリダイレクトされます"
    ),
    "{line} ({place}): a back end that it names is refused with 403": (
        "{line} ({place}): 指定されたバックエンドは 403 で拒否されます"
    ),
    "{line} ({place}): that page comes from a back end too, and may wait as long again": (
        "{line} ({place}): このページもバックエンドから取得するため、同じだけ待つ可能性があります"
    ),
    "the pattern {pattern} of {line} cannot be tried here": "{line} のパターン {pattern} はここでは評価できません",
    "the pattern of RewriteRule {pattern} cannot be tried here": (
        "RewriteRule {pattern} のパターンはここでは評価できません"
    ),
    "RewriteRule {pattern} depends on its RewriteCond, decided per request": (
        "RewriteRule {pattern} は、要求ごとに評価される RewriteCond によります"
    ),
    "the URL of RewriteRule {pattern} holds variables, decided per request": (
        "RewriteRule {pattern} の URL は、要求ごとに決まる変数を含みます"
    ),
    "{line} ({place}) may count for this file": "{line} ({place}) がこのファイルに適用される可能性があります",
    "no Listen for port {port}: the virtual host is chosen as if it were the server's own port": (
        "ポート {port} の Listen がありません。サーバー自身のポートとみなして仮想ホストを選んでいます"
    ),
    "the virtual host depends on the address the client connects to: {names}": (
        "仮想ホストはクライアントの接続先アドレスによります: {names}"
    ),
    "BalancerPersist ({place}): members keep the parameters that they had before, time-outs included, over every "
    "restart and reload, whatever {name} says by now": (
        "BalancerPersist ({place}): メンバーは、{name} の現在の記述にかかわらず、タイムアウトを含む以前のパラメータを"
        "再起動と再読込の後も保持します"
    ),
    "whether it is proxied is not certain: {cause}": "転送されるかどうかは確定できません: {cause}",
    "the read time-out may also be {seconds}: {cause}": "読取タイムアウトは {seconds} の可能性もあります: {cause}",
    "the virtual host may also be {name}: {cause}": "仮想ホストは {name} の可能性もあります: {cause}",
    "the answer is not certain: {cause}": "答えは確定できません: {cause}",
    # what-if: what is refused, and what could not be decided
    "{address}: is locked while {setting}.": "{address}: {setting} の間は変更できません。",
    "{address}: is locked always.": "{address}: 常に変更できません。",
    "{address}: is read-only.": "{address}: 読み取り専用です。",
    "{address}: must be one of {values}.": "{address}: 設定できる値は {values} です。",
    "{address}: must be between {least} and {most}.": "{address}: {least} から {most} の値でなければなりません。",
    "{address}: must be a whole number.": "{address}: 整数でなければなりません。",
    "{address}: is kept as a secret, which a plan can neither hold nor compare.": (
        "{address}: 秘密として扱われるため、変更計画に含めることも比較することもできません。"
    ),
    "{address}: this machine has no such setting.": "{address}: この装置にこの設定はありません。",
    "{address}: {registry} has no such attribute.": "{address}: {registry} にこの属性はありません。",
    "{address}: {registry} has no such attribute; did you mean {name}?": (
        "{address}: {registry} にこの属性はありません。{name} ではありませんか。"
    ),
    "{address}: may be set to nothing: the registry {says}": (
        "{address}: 設定できる値がありません (レジストリーの記述: {says})"
    ),
    "{address}: is set to {value} by another of these settings.": (
        "{address}: 同時に指定した別の設定により {value} になります。"
    ),
    "{address}: is an order to the BIOS, not a setting: it cannot be read back.": (
        "{address}: BIOS への指示であり、設定ではないため、読み戻せません。"
    ),
    "{address}: is this machine's own and is not changed by a plan.": (
        "{address}: 装置固有の値であり、変更計画では変更しません。"
    ),
    "already so: {address} is {value}": "変更不要: {address} はすでに {value} です",
    "depends on {names}, which this machine does not show": "この装置が示さない {names} によります",
    "depends on {names}, whose value is not known as what it is compared with": (
        "{names} によりますが、その値は比較できません"
    ),
    "whether it becomes {value} depends on {names}, which this machine does not show": (
        "{value} になるかどうかは、この装置が示さない {names} によります"
    ),
    "whether it becomes {value} depends on {names}, whose value is not known as what it is compared with": (
        "{value} になるかどうかは {names} によりますが、その値は比較できません"
    ),
    "the registry sets it to {value} while {setting}: POST may do so again": (
        "レジストリーは {setting} の間 {value} に設定します。POST で元に戻る可能性があります"
    ),
    "the registry contradicts itself": "レジストリーの記述が矛盾しています",
    "the registry's dependencies do not come to rest: {values}": "レジストリーの依存関係が収束しません: {values}",
    "it would be {value} while {setting}": "{setting} の間は {value} になるはずです",
    "the registry sets it to {value}, and says that it {why}": (
        "レジストリーは {value} に設定しますが、その値を許していません"
    ),
    "a dependency has no such form as is known here": "依存関係の形式が不明です",
    "a dependency sets {property} to {value}": "依存関係が {property} を {value} に設定しますが、その意味は不明です",
    "a condition is {condition}": "条件 {condition} の意味は不明です",
    "a condition looks at {property}": "条件が {property} を参照しており、その値は不明です",
    "whether its form is right is not tried here: {pattern}": "形式が正しいかどうかはここでは検査しません: {pattern}",
    "its type {type} is not known here": "型 {type} は不明です",
    # doctor
    "no server runs this tree": "このツリーで稼働中のサーバーはありません",
    "sudo -n is refused": "sudo -n は拒否されます",
    "sudo -n grants only: nothing": "sudo -n で許可されるコマンドはありません",
    "sudo -n grants only: {commands}": "sudo -n で許可されるのは {commands} のみです",
    "Say it with --httpd-version, or httpd_version: in auditor.yaml.": (
        "--httpd-version、または auditor.yaml の httpd_version: で指定してください。"
    ),
    "the account lacks {privilege}": "このアカウントには {privilege} がありません",
    "the iLO does not say whether the account has {privilege}": (
        "このアカウントに {privilege} があるかどうかを iLO が示しません"
    ),
    "the iLO does not say what its licence holds": "ライセンスの内容を iLO が示しません",
    "{licence} lacks {features}": "{licence} には {features} がありません",
    "Let the account read them.": "このアカウントに読み取りを許可してください。",
    # emergencies
    'EMERGENCY: plan {plan} was approved by "{who}" alone on {time} ({reason}) and was not reviewed yet. '
    "Review it:  auditor approve {again} --review --key FILE": (
        '緊急承認: 変更計画 {plan} は {time} に "{who}" が単独で承認しました ({reason})。事後確認は未実施です: '
        "auditor approve {again} --review --key FILE"
    ),
    'EMERGENCY: plan {plan} was approved by "{who}" alone on {time} ({reason}) and its review in the ledger bears no '
    "seal that counts. Look:  auditor history --verify": (
        '緊急承認: 変更計画 {plan} は {time} に "{who}" が単独で承認しました ({reason})。台帳の事後確認には有効な封印が'
        "ありません: auditor history --verify"
    ),
    "it cannot be known whether emergencies wait for a review: {why}": (
        "事後確認待ちの緊急承認の有無を確認できません: {why}"
    ),
    # plan
    "{target}: set, but not yet effective, and not by this plan: {what}.": (
        "{target}: この変更計画によらない設定済み・未反映の項目: {what}。"
    ),
    "{target}: not all of it was seen, so not every effect may be listed: {what}": (
        "{target}: 未収集の部分があり、影響の一覧が完全でない可能性があります: {what}"
    ),
    "The reboot of this plan brings it into effect too.": "この変更計画の再起動 (本体) により、これも有効になります。",
    "The iLO reset of this plan brings it into effect too.": (
        "この変更計画の iLO リセットにより、これも有効になります。"
    ),
    "{target}: not at hand now: {places}; what is there at the apply is used, and checked by its name only": (
        "{target}: 現在参照できません: {places}。適用時の内容を使い、名前だけを確認します"
    ),
    "{target}: an iLO shows no pass phrase: that it is the one meant is proven by auditor alerts test alone": (
        "{target}: iLO はパスフレーズを表示しません。正しいことは auditor alerts test でのみ確認できます"
    ),
    "{target}: whether the pass phrases of the way back are those that the iLO has now cannot be read from it": (
        "{target}: 切り戻し用のパスフレーズが現在の iLO の値と同じかどうかは、iLO から読み取れません"
    ),
    "{rule} is expected to stay: {address}": "{rule} は解消されない見込みです: {address}",
    # check, drift, explain: gaps
    "Correct the line; httpd's own check (httpd -t) names it too.": (
        "該当行を修正してください。httpd 自身の検査 (httpd -t) でも示されます。"
    ),
    "Name the version with --httpd-version, definitions with --define, or run on the host.": (
        "--httpd-version で版を、--define で定義を指定するか、ホスト上で実行してください。"
    ),
    "Name the loaded modules with --module, definitions with --define, or run on the host.": (
        "--module でロード済みモジュールを、--define で定義を指定するか、ホスト上で実行してください。"
    ),
}


def said(text: str, lang: Language) -> str:
    """A sentence, or several, in that language; what is not known stays in English."""
    if lang != "ja" or not text or len(text) > _LONGEST:
        return text
    whole = _known(text)
    if whole is not None:
        return whole
    parts = re.split(r"(?<=\.) (?=[A-Z])", text)
    found = [_known(part) for part in parts]
    if not any(found):
        return text
    return "".join(one if one is not None else f" {part} " for one, part in zip(found, parts, strict=True)).strip()


def _known(text: str) -> str | None:
    exact = _JAPANESE.get(text)
    if exact is not None:
        return exact
    for expression, template in _templates():
        match = expression.fullmatch(text)
        if match is not None:
            return template.format(**match.groupdict())
    return None


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What has blanks to fill in, as an expression."""
    found = []
    for english, japanese in _JAPANESE.items():
        pieces = re.split(r"\{(\w+)\}", english)
        if len(pieces) > 1:
            odd = (f"(?P<{one}>.+?)" if index % 2 else re.escape(one) for index, one in enumerate(pieces))
            found.append((re.compile("".join(odd), re.DOTALL), japanese))
    return tuple(found)
