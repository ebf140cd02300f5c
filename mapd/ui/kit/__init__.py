"""What every page uses: theme, tables, text, charts, frame, the state in the address, the current person and exam."""
