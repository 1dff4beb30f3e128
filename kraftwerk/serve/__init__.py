"""The quick loop of a developer: what is saved is seen at once, here or on a node."""
