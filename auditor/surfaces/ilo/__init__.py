"""HPE and NEC iLO over Redfish: firmware, BIOS and alerting."""
