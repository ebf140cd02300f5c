"""Final answers: read out of a text, compared with the gold answer. Pure: no database, no page, no model."""
