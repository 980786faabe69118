"""The second door: running machines get what the plan says now, over SSH, and nothing is made anew."""
