"""What a channel sends, and how it lands without losing a row."""
