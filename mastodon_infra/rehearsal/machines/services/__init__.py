"""The outside world of a rehearsal: each module makes one vendor's promise real on this computer."""
