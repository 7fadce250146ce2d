"""Frozen values that every room speaks: no I/O, no library but msgspec."""

from auditor.light import load_msgspec

load_msgspec()
