"""Files in which projects say what they need installed, of every tool: how they are known and what they say."""
