"""Numbers derived for one service, one file each. Every function is pure and returns decided values."""
