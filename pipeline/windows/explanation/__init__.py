"""What a job does, in words and drawings."""
