"""What applications do to documents during a run: updates, inserts and deletes.

``value_history`` tells where a value comes from; ``updates`` and ``new_documents`` find what has to be converted,
``captured_documents`` what is gone; ``saved_values`` and ``external_values`` serve them. ``catch_up`` runs all of it
before validation.
May import: ``engine.run`` and below. Must not know: modes, checks.
"""
