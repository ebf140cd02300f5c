"""The data page: what comes in, one way at a time, and what the project holds."""
