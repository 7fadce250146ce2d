"""Reaching machines: reading trees on disk and in archives, running many targets at once."""
