"""Toyota Smarthome, its trimmed clips."""
