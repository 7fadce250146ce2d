"""The fixed texts of doctor about iLOs, in English and Japanese."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "doctor.name.log_in": ("log-in", "ログイン"),
    "doctor.cost.log_in": ("everything of this iLO", "この iLO のすべて"),
    "doctor.name.reading": ("may be read", "読み取り"),
    "doctor.cost.reading": ("every rule on what is refused", "拒否された項目に関わるすべてのルール"),
    "doctor.name.ilo_settings": ("change iLO settings", "iLO 設定の変更"),
    "doctor.cost.ilo_settings": (
        "apply and rollback of iLO settings, alerts test",
        "iLO 設定の apply と rollback、alerts test",
    ),
    "doctor.name.bios_settings": ("change BIOS", "BIOS の変更"),
    "doctor.cost.bios_settings": ("apply and rollback of BIOS attributes", "BIOS 属性の apply と rollback"),
    "doctor.name.server_restart": ("restart the server", "サーバーの再起動"),
    "doctor.cost.server_restart": ("BIOS attributes taking effect by apply", "apply による BIOS 属性の反映"),
    "doctor.name.licence": ("licence", "ライセンス"),
    "doctor.cost.licence": ("settings that the licence does not hold", "ライセンス対象外の設定"),
}
