"""Programs that stand in for what a rehearsal cannot fetch. They run inside machines or beside them."""
