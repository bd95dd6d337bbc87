"""A skeleton as a graph: edges in, normalised adjacency out (Yan et al., AAAI 2018; SPEC 5.1). V joints."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.errors import ModelParamError

Edges = Sequence[tuple[int, int]]
"""Pairs (joint, its parent towards the body's centre), indices from 0."""

NUM_SUBSETS = 3
"""Number of neighbour subsets: root, centripetal and centrifugal."""


def adjacency(edges: Edges, num_joints: int) -> Tensor:
    """Return (3, V, V) float32: self, towards the centre, away from it; each column sums to 1 or is empty.

    Entry [k, u, v] is how much of joint u enters joint v. Worked example, a chain 2 → 1 → 0 of three joints,
    edges ((1, 0), (2, 1)): [1, 0, 1] = [1, 1, 2] = 1, because a parent enters its child in subset 1.
    """
    for joint, parent in edges:
        if joint == parent or not (0 <= joint < num_joints and 0 <= parent < num_joints):
            raise ModelParamError(f"edge {(joint, parent)} must join two different joints below {num_joints}")
    graph = torch.zeros(NUM_SUBSETS, num_joints, num_joints)
    graph[0] = torch.eye(num_joints)
    for joint, parent in edges:
        graph[1, parent, joint] = 1
        graph[2, joint, parent] = 1
    return graph / graph.sum(dim=1, keepdim=True).clamp(min=1)
