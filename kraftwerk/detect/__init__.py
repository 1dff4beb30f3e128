"""What an existing project is, read from its files; nothing of it is ever imported or run."""
