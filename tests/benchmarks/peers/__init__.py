"""The tools that are compared, each in a file of its own: how it is told the same work, and what it says when done."""
