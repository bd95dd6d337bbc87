"""Saliency of trained networks by body part, beside the share that each part would get by chance."""
