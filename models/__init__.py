"""Networks, losses and training in torch: tensors in, tensors out; a skeleton's layout comes in as edges."""
