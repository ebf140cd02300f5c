"""Import from and export to other tools' files, one small module a format."""
