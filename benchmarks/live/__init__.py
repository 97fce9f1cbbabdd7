"""What an application notices of a migration: what ``zero_downtime.py`` is made of."""
