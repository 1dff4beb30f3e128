"""Work at several nodes at once: a process for each, what they say on one screen, results in the order of nodes."""
