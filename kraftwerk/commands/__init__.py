"""One file per verb; found by name and imported when called."""
