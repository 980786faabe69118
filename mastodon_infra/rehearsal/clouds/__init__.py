"""What each provider knows: one row per kind of resource that ``resources`` creates."""
