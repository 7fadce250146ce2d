"""Apache httpd: reading its configuration as it does itself, and changing it safely."""
