"""One shard and its record: layout, reading, writing, what each row was made of."""
