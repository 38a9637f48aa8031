"""What the console keeps in Redis: who has signed in, the last hour's rates, traces of requests."""
