"""The guide's pictures: `python -m bench.pictures` draws all of them anew, each from code or from stored figures."""
