"""What is computed from the answers of a server and from its process; the commands above print the figures."""
