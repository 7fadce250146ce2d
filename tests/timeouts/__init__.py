"""The referee of time-outs: a real httpd with misbehaving back ends, and cases as folders."""
