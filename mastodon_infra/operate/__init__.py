"""Day two: what is looked at, kept and changed beside the engine's own work. No Pulumi import, no template here."""
