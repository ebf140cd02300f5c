"""The parts of the playground: its form, and the answers as they are written."""
