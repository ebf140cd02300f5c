"""The browse page: filters, rows, saved views, and judging all that matches."""
