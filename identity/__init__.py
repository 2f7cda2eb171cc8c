"""Who is who: records of many channels to customers with keys that stay."""
