"""Expressions at work: closures over a row, with the language's types, NULL and functions."""
