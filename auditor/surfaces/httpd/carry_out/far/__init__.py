"""Changing a tree of another machine, over SSH."""
