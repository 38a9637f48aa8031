"""A plan at work: events in, rows out."""
