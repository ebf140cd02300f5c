"""Triage: one mistake after the other by keyboard. The page draws one element; client/ does the rest."""
