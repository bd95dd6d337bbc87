"""Training a network: plan, loop, classifier, checkpoints."""
