"""Tables of the papers as commands: their rows as data, what each costs, and ours beside the printed figures."""
