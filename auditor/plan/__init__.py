"""Change plans: document, building, guard, approvals, journal, the apply state machine."""
