"""Change plans: the document, approvals, the guard, the journal, and the machine that carries them out."""
