"""Curation: the curated set (live), people's judgements, and the snapshots that freeze the set."""
