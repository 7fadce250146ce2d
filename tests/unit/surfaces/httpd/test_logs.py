from __future__ import annotations

import pytest

from auditor.model.value import Undetermined
from tests.unit.surfaces.httpd.trees import meaning, of, one

COMBINED = r"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""
WANTED = COMBINED + (
    " vhost=%v us=%D in=%I out=%O x=%X k=%k pid=%P worker=%{BALANCER_WORKER_NAME}e id=%L begin=%{begin:msec}t"
)
RECORDS = ("duration", "worker", "request_id", "begin", "bytes", "connection_state", "process", "vhost", "client")


def log(text: str, name: str = "main logs/a", version: str = "2.4.62"):  # type: ignore[no-untyped-def]
    return one(meaning(f"Listen 80\n{text}\n", version=version), "httpd.log", name)


def test_combined_records_no_duration() -> None:
    found = log(f'LogFormat "{COMBINED}" combined\nCustomLog logs/a combined')
    assert of(found, *(f"records_{name}" for name in RECORDS)) == (*(False,) * 8, True)
    assert of(found, "format_name", "duration_in_seconds_only") == ("combined", False)
    assert str(found.get("format").source) == "conf/httpd.conf:2"


def test_the_wanted_format_records_all() -> None:
    found = log(f'LogFormat "{WANTED}" timed\nCustomLog logs/a timed', version="2.4.6")
    assert of(found, *(f"records_{name}" for name in RECORDS)) == (True,) * 9
    assert of(found, "valid_for_version") is True


@pytest.mark.parametrize(
    ("fields", "version", "expected"),
    [
        ("%D", "2.4.6", (True, False, True)),
        ("%T", "2.4.62", (True, True, True)),
        ("%{ms}T", "2.4.62", (True, False, True)),
        ("%{ms}T", "2.4.6", (True, True, False)),
        ("%{us}T", "2.4.13", (True, False, True)),
        ("%^FB", "2.4.12", (False, False, False)),
        ("%^FU", "2.4.62", (False, False, False)),
        ("%400,501D", "2.4.62", (True, False, True)),
        ("%%D", "2.4.62", (False, False, True)),
    ],
)
def test_fields_by_version(fields: str, version: str, expected: tuple[bool, ...]) -> None:
    found = log(f'CustomLog logs/a "%h {fields}"', version=version)
    assert of(found, "records_duration", "duration_in_seconds_only", "valid_for_version") == expected


def test_without_a_version_a_field_that_changed_is_undetermined() -> None:
    found = log('CustomLog logs/a "%h %{ms}T"', version="")
    assert of(found, "duration_in_seconds_only") is Undetermined
    assert of(found, "records_duration") is True


@pytest.mark.parametrize(("track", "expected"), [("LogIOTrackTTFB On\n", True), ("", False)])
def test_the_first_byte_needs_its_switch(track: str, expected: bool) -> None:
    assert of(log(f'{track}CustomLog logs/a "%h %^FB"'), "records_first_byte") is expected


def test_a_nickname_that_is_defined_nowhere_is_the_format() -> None:
    found = log("CustomLog logs/a timed")
    assert of(found, "format_missing", "format") == (True, "timed")


def test_the_virtual_hosts_own_format_wins_and_its_log_replaces_the_main_servers() -> None:
    text = (
        'LogFormat "%h" f\nCustomLog logs/a f\n<VirtualHost *:80>\nServerName x.example\nLogFormat "%h %D" f\n'
        "CustomLog logs/x f env=!quiet\n</VirtualHost>\n<VirtualHost *:80>\nServerName y.example\n</VirtualHost>"
    )
    seen = meaning(text)
    found = one(seen, "httpd.log", "x.example:80 logs/x")
    assert of(found, "records_duration", "conditional") == (True, True)
    assert of(one(seen, "httpd.vhost", "x.example:80"), "access_logs") == ["logs/x"]
    assert of(one(seen, "httpd.vhost", "y.example:80"), "access_logs") == ["logs/a"]


def test_transferlog_takes_the_last_format_without_a_name() -> None:
    assert of(log('LogFormat "%h %D"\nTransferLog logs/a'), "format") == "%h %D"
    assert of(log("TransferLog |/bin/rotate", "main |/bin/rotate"), "piped", "format") == (
        True,
        '%h %l %u %t "%r" %>s %b',
    )


def test_error_logs() -> None:
    default = log("ErrorLog logs/e", "main logs/e")
    own = log(r'ErrorLogFormat "[%{cu}t] [%-m:%l] [pid %P:tid %T] [rid:%L] %M"', "main logs/error_log")
    connection = log('ErrorLogFormat "[%t] [cid:%{c}L] [client\\ %a] %M"', "main logs/error_log")
    names = ("records_microseconds", "records_request_id", "records_process", "records_client")
    assert of(default, *names) == (True, False, True, True)
    assert of(own, *names) == (True, True, True, False)
    assert of(connection, *names) == (False, False, False, True)
