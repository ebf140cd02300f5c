"""The data page: the ways in, one at a time, and what the project holds."""
