"""Windows: a job's query over a hub's events, its clock, its state and where its rows go."""
