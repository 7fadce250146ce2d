"""Frozen values that every room speaks: no I/O, no library but msgspec."""
