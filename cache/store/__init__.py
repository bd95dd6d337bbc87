"""Reading a store: what it says of itself, its parts, its rows."""
