"""Carrying out a plan's settings on an iLO."""
