"""Stages of the pipeline: one module for each stage of dvc.yaml, and wiring only."""
