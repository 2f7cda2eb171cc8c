"""The composition root: settings, editions, the build, the ledger, the commands."""
