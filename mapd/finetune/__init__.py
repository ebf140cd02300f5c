"""Finetune: a frozen snapshot and a student make a new student."""
