"""Another machine over SSH, by the system's OpenSSH client. Nothing is installed there; reading writes nothing."""
