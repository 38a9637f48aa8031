"""Events, windows and boards in Redis. Knows no HTTP server and never imports `wz`."""
