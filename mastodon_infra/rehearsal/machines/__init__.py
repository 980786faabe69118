"""Real machines on this computer: bundles boot in Debian 13 inside namespaces of their own."""
