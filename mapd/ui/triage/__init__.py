"""Triage, one mistake after the other by keyboard: where one is, what is shown there, and what a press does."""
