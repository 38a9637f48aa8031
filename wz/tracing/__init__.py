"""One request through every layer: what took how long, where it is written, and what it changed."""
