"""What a plan costs: every line with its price, its date and its source; and what income would carry it."""
