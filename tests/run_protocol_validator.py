"""Runs DMTF's protocol validator as its command does, without asking the network for services.

Its discovery sends multicast to whatever network this machine is in, and waits; the virtual iLO answers none.
"""

from redfish_protocol_validator import console_scripts, utils


def _nobody(**_: object) -> dict[str, object]:
    return {}


utils.discover_ssdp = _nobody
if __name__ == "__main__":
    console_scripts.main()
