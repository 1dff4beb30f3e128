"""What `init` does: a new project from a template, shipped, the admin's own, or anybody's."""
