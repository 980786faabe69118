"""Calls: ``calling.py SOURCE ADDRESS PORT``; says as JSON, a line each, what it is told, or how that failed."""

import json
import socket
import sys

SOURCE, ADDRESS, PORT = sys.argv[1:]
PATIENCE_SECONDS = 3


def say(text):
    """One line."""
    sys.stdout.write(json.dumps(text) + "\n")
    sys.stdout.flush()


try:
    connection = socket.create_connection((ADDRESS, int(PORT)), PATIENCE_SECONDS, (SOURCE, 0) if SOURCE else None)
    stream = connection.makefile("rw")
    say(stream.readline().strip() or "closed")
except OSError as error:
    say(type(error).__name__)
    sys.exit()
for line in sys.stdin:
    try:
        stream.write(line)
        stream.flush()
        say(stream.readline().strip() or "closed")
    except OSError as error:
        say(type(error).__name__)
