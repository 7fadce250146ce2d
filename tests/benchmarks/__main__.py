"""Runs every measurement: ``make benchmarks``, or ``python -m tests.benchmarks startup`` for one."""

from __future__ import annotations

import sys

from tests.benchmarks import httpd_reading, httpd_urls, ilo_fleet, ssh_collect, startup, store_no_change

MEASUREMENTS = {
    "startup": startup.run,
    "store": store_no_change.run,
    "httpd": httpd_reading.run,
    "urls": httpd_urls.run,
    "ssh": ssh_collect.run,
    "ilo": ilo_fleet.run,
}

for name in sys.argv[1:] or MEASUREMENTS:
    print(MEASUREMENTS[name](), flush=True)
