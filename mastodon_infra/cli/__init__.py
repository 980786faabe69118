"""The command line: one verb per file, and the only floor that prints, prompts and exits."""
