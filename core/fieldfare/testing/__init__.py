"""What plugin authors, and our own tests, use: real servers and pytest fixtures."""
