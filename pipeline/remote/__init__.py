"""Blocks for workers that share no disk with the client: their inputs sent, computed once, their shards taken home."""
