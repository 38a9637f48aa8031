"""The Event Hub: tokens, partitions, the log, and the relay to an upstream hub."""
