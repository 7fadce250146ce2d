"""The program that a FastCGI wrapper starts is the one whose FcgidCmdOptions count."""

from __future__ import annotations

import pytest

from tests.unit.surfaces.httpd.trees import ask

FCGI = """Listen 80
LoadModule fcgid_module m.so
DocumentRoot /srv/www
AddHandler fcgid-script .php .fcgi
FcgidIOTimeout 7
FcgidCmdOptions /usr/bin/php-cgi IOTimeout 9
FcgidCmdOptions /srv/www/a.fcgi IOTimeout 8
{lines}
"""


@pytest.mark.parametrize(
    ("lines", "path", "seconds", "said"),
    [
        ("FcgidWrapper /usr/bin/php-cgi .php", "/a.php", 9, ""),
        ("FcgidWrapper /usr/bin/php-cgi", "/a.php", 9, ""),
        ("FcgidWrapper /usr/bin/php-cgi virtual", "/a.php", 9, ""),
        ("FcgidWrapper /usr/bin/php-cgi .php", "/a.fcgi", 8, ""),
        ("FcgidWrapper /usr/bin/php-cgi\nFcgidWrapper /usr/bin/other .php", "/a.php", 7, ""),
        ("", "/a.php", 7, ""),
        ("<Directory /srv/www/x>\nFcgidWrapper /usr/bin/php-cgi .php\n</Directory>", "/a.php", 7, ""),
        ("<Directory /srv/www/x>\nFcgidWrapper /usr/bin/php-cgi .php\n</Directory>", "/x/a.php", 9, ""),
        ('FcgidWrapper "/usr/bin/php-cgi -c /etc" .php', "/a.php", None, "FcgidWrapper (conf/httpd.conf:8)"),
        ("<Directory ~ x>\nFcgidWrapper /usr/bin/php-cgi\n</Directory>", "/a.php", None, "FcgidWrapper"),
    ],
)
def test_the_options_of_a_wrapper_count_for_what_it_starts(
    lines: str, path: str, seconds: float | None, said: str
) -> None:
    told = ask(FCGI.format(lines=lines), f"http://x.example{path}")
    assert told.run_by == "mod_fcgid"
    assert bool(told.undetermined) == bool(said), told.undetermined
    assert said in " ".join(told.undetermined)
    assert seconds is None or told.read_timeout_s == seconds
