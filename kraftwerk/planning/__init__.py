"""What the plan of a deploy tells: code, processes, downtime, and what the node says of itself."""
