"""What DMTF's protocol validator fails, or cannot test, on the virtual iLO: reviewed, each with its reason."""

from __future__ import annotations

FAILED = {
    ("PROTO_HTTP_UNSUPPORTED_METHODS", "FAKEMETHODFORTEST"): "the HTTP library refuses a method that it does not know "
    "with 400, where 501 is wanted, before the virtual iLO sees the request",
}
"""What fails: assertion and method."""

NOT_TESTED = {
    "PROTO_REDIRECT_ENFORCES_TARGET_PRIVS": "it listens to TLS alone, so nothing is redirected from http",
    "REQ_DATA_MOD_ERRORS": "no POST of those that it looks at is refused",
    "RESP_HEADERS_WWW_AUTHENTICATE": "iLO says HTTPBasicAuth: Unadvertised, and then sends no such header",
    "RESP_STATUS_INTERNAL_SERVER_ERROR": "no request makes it fail",
    "SEC_DEFAULT_CERT_REPLACE": "its personalities have no certificate collection",
    "SEC_SESSION_TERMINATION_SIDE_EFFECTS": "it has no server-sent events, which the test needs",
}
"""Assertions that cannot be tested, by name."""

NOT_OFFERED = {
    "SERV_SSDP_": "it is not to be discovered: it answers on loopback alone",
    "SERV_SSE_": "it has no server-sent events",
}
"""The same by how their names begin."""

IN_PART = {
    "REQ_HEADERS_ACCEPT": "openapi.yaml: iLO has no such document",
    "RESP_HEADERS_CONTENT_TYPE": "openapi.yaml: iLO has no such document",
}
"""Assertions that can be tested for some resources and not for others."""
