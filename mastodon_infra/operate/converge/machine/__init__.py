"""What runs on the machines themselves, sent there as text: Python's standard library and nothing else."""
