"""Configuration-management and drift auditor for Apache httpd and HPE/NEC iLO."""

__version__ = "0.1.0"
