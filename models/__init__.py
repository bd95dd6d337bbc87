"""Floor 1: torch only. Tensors in, tensors out; joint layouts come in as edges."""
