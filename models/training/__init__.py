"""Fitting a network: plan, loop, classifier, checkpoints."""
