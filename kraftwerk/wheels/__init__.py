"""A folder of wheels with its log: what is in it, what it lacks, and how it comes to nodes that reach no index."""
