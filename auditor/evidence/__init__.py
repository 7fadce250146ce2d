"""Comparing states, and whose hand changed them; pure."""
