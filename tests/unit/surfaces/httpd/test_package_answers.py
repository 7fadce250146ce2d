"""What package managers say is read as they mean it, and what is not understood refuses."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import CollectError
from auditor.model.plan import PackageVersions
from auditor.surfaces.httpd.carry_out.package_answers import offers_of, rpm_order, trial_of
from auditor.surfaces.httpd.carry_out.package_manager import mixed
from tests import servers

_YUM_LIST = b"""tool yum
part installed
httpd 2.4.6-97.el7 installed
openssl-libs 1.0.2k-25.el7_9 installed
package nothing is not installed
part offered
Loaded plugins: product-id, search-disabled-repos, subscription-manager
Installed Packages
httpd.x86_64                 2.4.6-97.el7                       @rhel-7-server-rpms
Available Packages
httpd.x86_64                 2.4.6-97.el7                       rhel-7-server-rpms
httpd.x86_64                 2.4.6-99.el7_9.1                   rhel-7-server-rpms
a-package-with-a-name-that-is-too-long-for-its-column.x86_64
                             1:1.0.2k-26.el7_9                  rhel-7-server-rpms
part audit
part end
"""
_YUM_TRIAL = b"""tool yum
part trial
Loaded plugins: search-disabled-repos
Resolving Dependencies
--> Running transaction check
---> Package httpd.x86_64 0:2.4.6-97.el7 will be updated
--> Finished Dependency Resolution

Dependencies Resolved

================================================================================
 Package       Arch     Version                    Repository              Size
================================================================================
Updating:
 httpd         x86_64   2.4.6-99.el7_9.1           rhel-7-server-rpms     1.2 M
 a-package-with-a-name-that-is-too-long-for-its-column
               x86_64   1:1.0.2k-26.el7_9          rhel-7-server-rpms     493 k
Updating for dependencies:
 httpd-tools   x86_64   2.4.6-99.el7_9.1           rhel-7-server-rpms      94 k
Removing for dependencies:
 mod_old       x86_64   1.0-1.el7                  @rhel-7-server-rpms     10 k

Transaction Summary
================================================================================
Upgrade  2 Packages (+1 Dependent package)

Exiting on user command

part end
"""


def test_what_yum_lists_is_read_across_lines_that_it_broke() -> None:
    found = offers_of(_YUM_LIST)
    assert found.installed == {"httpd": ("2.4.6-97.el7",), "openssl-libs": ("1.0.2k-25.el7_9",)}
    assert found.offered["httpd"] == {"2.4.6-97.el7", "2.4.6-99.el7_9.1"}
    assert found.offered["a-package-with-a-name-that-is-too-long-for-its-column"] == {"1.0.2k-26.el7_9"}
    assert found.unfinished == ()


def test_all_that_yum_would_do_is_seen() -> None:
    found = trial_of(_YUM_TRIAL)
    assert found.why == ""
    assert found.goes == {"mod_old"}
    assert found.comes == {
        ("httpd", "2.4.6-99.el7_9.1"),
        ("a-package-with-a-name-that-is-too-long-for-its-column", "1.0.2k-26.el7_9"),
        ("httpd-tools", "2.4.6-99.el7_9.1"),
    }


@pytest.mark.parametrize(
    "said",
    [
        b"tool dnf\npart trial\nError: Unable to find a match: httpd-9\npart end\n",
        b"tool dnf\npart trial\npart end\n",
        b"tool dnf\npart trial\nUpgrading:\n httpd noarch 1-1 r\nTransaction Summary\npart end\n",
        b"tool dnf\npart trial\nUpgrading:\n httpd noarch 1-1 r 1 k\nSwitching:\n a b c d e f\nTransaction Summary\n"
        b"part end\n",
        b"tool apt-get\npart trial\nE: Version '9' for 'apache2' was not found\npart end\n",
        b"tool apt-get\npart trial\n0 upgraded\npart end\n",
    ],
)
def test_a_trial_that_says_nothing_clear_is_none(said: bytes) -> None:
    assert trial_of(said).why


@pytest.mark.parametrize("said", [b"", b"tool dnf\npart trial\n", b"part trial\npart end\n"])
def test_an_answer_that_ends_early_is_no_answer(said: bytes) -> None:
    with pytest.raises(CollectError):
        trial_of(said)
    with pytest.raises(CollectError):
        offers_of(said)


def test_packages_that_dpkg_left_by_half_are_told() -> None:
    found = offers_of(
        b"tool apt-get\npart installed\napache2 2.4.1-1 half-configured\napache2-utils 2.4.1-1 installed\n"
        b"part offered\napache2 | 2.4.1-1 | file:/r ./ Packages\napache2 | 2.4.0-1 | file:/r ./ Sources\npart audit\n"
        b"The following packages are only half configured:\n libapr1 the runtime\npart end\n"
    )
    assert found.unfinished == ("apache2", "libapr1")
    assert found.offered == {"apache2": {"2.4.1-1"}}


def test_apt_tells_what_it_would_remove() -> None:
    found = trial_of(
        b"tool apt-get\npart trial\nRemv mod-x [1.0]\nInst apache2 [2.4.1-1] (2.4.2-1 localhost [all]) []\n"
        b"Inst new-one:amd64 (1.0 localhost [amd64])\nConf apache2 (2.4.2-1 localhost [all])\npart end\n"
    )
    assert found.comes == {("apache2", "2.4.2-1"), ("new-one", "1.0")}
    assert found.goes == {"mod-x"}


def test_yum_cannot_go_both_ways_at_once() -> None:
    both = PackageVersions("rpm", (("a", "1.0-1", "2.0-1"), ("b", "2.0-1", "1.0-1")))
    assert mixed("yum", both)
    assert not mixed("dnf", both)


_VERSIONS = st.from_regex(r"[0-9a-c.~^]{1,8}-[0-9a-c.~]{1,5}", fullmatch=True)


@given(_VERSIONS, _VERSIONS, _VERSIONS)
def test_the_order_is_one(one: str, two: str, three: str) -> None:
    assert rpm_order(one, two) == -rpm_order(two, one)
    if rpm_order(one, two) <= 0 and rpm_order(two, three) <= 0:
        assert rpm_order(one, three) <= 0


def test_the_order_is_rpm_s_own() -> None:
    if shutil.which("rpm") is None:
        servers.missing("rpm")
    draw = random.Random(20_261_127)

    def version() -> str:
        return "".join(draw.choice("0129abZ.~^+") for _ in range(draw.randint(1, 7)))

    pairs = [(f"{version()}-{version()}", f"{version()}-{version()}") for _ in range(400)]
    pairs += [(one, one.replace("0", "00", 1)) for one, _ in pairs[:50]]
    split = [(one.rpartition("-"), two.rpartition("-")) for one, two in pairs]
    asked = " ".join(
        f'v=rpm.vercmp("{one[0]}","{two[0]}"); if v==0 then v=rpm.vercmp("{one[2]}","{two[2]}") end print(v .. " ")'
        for one, two in split
    )
    command = ["rpm", "--eval", f"%{{lua:{asked}}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said = [int(word) for word in done.stdout.split()]
    wrong = [(pair, rpm) for pair, rpm in zip(pairs, said, strict=True) if rpm != rpm_order(*pair)]
    assert wrong == []
