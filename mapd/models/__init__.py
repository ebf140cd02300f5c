"""Models behind one protocol (`base.Model`): local, served, simulated. They know no database and no role."""
