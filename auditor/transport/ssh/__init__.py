"""Reading another machine over SSH, with the system's OpenSSH client; nothing is installed or written there."""
