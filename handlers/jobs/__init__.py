"""Window jobs and their outputs over HTTP."""
