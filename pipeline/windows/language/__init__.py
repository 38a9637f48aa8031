"""The parser of the query language: words, expressions, windows, and the tree that they make."""
