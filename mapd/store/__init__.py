"""The one place that knows SQL: tables, engine and migrations, named reads."""
