"""Hubs over HTTP: the Event Hubs REST dialect, and reading back."""
