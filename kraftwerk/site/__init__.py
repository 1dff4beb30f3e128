"""Sites made on a server with one command, and taken away with another: mksite and rmsite."""
