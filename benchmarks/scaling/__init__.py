"""How throughput grows with workers and nodes: what ``workers.py`` is made of."""
