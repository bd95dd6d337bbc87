"""How the arrays of a store are laid out, and what their axes are called."""
