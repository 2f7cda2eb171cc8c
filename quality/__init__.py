"""Whether to believe it: suites from contracts, gates on landed and candidate data."""
