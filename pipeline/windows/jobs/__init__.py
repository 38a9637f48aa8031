"""A job on a hub: its definition, its tasks, what they save, and where its rows go."""
