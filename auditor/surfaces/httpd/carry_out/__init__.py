"""Carrying out a plan's edits on an httpd tree of this machine."""
