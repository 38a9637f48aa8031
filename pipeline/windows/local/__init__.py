"""A job over files, in this process."""
