"""From a query's tree to the graph that runs it, and to its stages."""
