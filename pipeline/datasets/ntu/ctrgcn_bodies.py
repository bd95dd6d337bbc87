"""Selection of people among recorded bodies, as CTR-GCN's data scripts do it (get_raw_denoised_data.py).

Kept of theirs: filters by length and by spread, of which the last body left always stays; the rank by
variance,
smaller where lying frames are left out; slots tested by the span from the first to the last frame, where
spans
that share one frame do not overlap, and every slot but the first begins as the span 0 to 0. Not kept,
since they
are faults (docs/fidelity.md): frames of a body that was lost and found are not pushed together, frames
without
anybody are not dropped, and where no body passes the filter by length all stay, where the scripts end.
"""

from collections.abc import Collection, Sequence

import numpy as np

from pipeline.datasets.ntu.body import BODY_FILTERS, NOISE_FRAMES, NOISE_SHARE, Body, BodyFilter, lying_frames


def ctrgcn_slots(
    bodies: Sequence[Body], max_persons: int, filters: Collection[BodyFilter] = BODY_FILTERS
) -> tuple[list[Body], list[list[Body]]]:
    """The bodies behind the filters, the most moving first, and those of each slot used, the later drawn on top.

    `bodies` come in order of first appearance; a recording with one body is not filtered. Of `filters` the scripts have
    both.
    """
    if len(bodies) == 1:
        return list(bodies), [list(bodies)]
    motion = {body.body_id: variance(body) for body in bodies}
    kept = [b for b in bodies if len(b.frames) > NOISE_FRAMES or "length" not in filters] or list(bodies)
    kept = _upright(kept, motion) if "spread" in filters else kept
    kept = sorted(kept, key=lambda body: motion[body.body_id], reverse=True)
    return kept, _placed(kept, max_persons)


def variance(body: Body, *, upright_only: bool = False) -> float:
    """Sum of the variances of x, y and z over all joints of all frames, in square metres; NaN joints aside."""
    joints = body.joints_3d[~lying_frames(body)] if upright_only else body.joints_3d
    known = joints[np.isfinite(joints).all(axis=2)].astype(np.float64)
    return float(known.var(axis=0).sum()) if len(known) else 0.0


def _upright(bodies: list[Body], motion: dict[int, float]) -> list[Body]:
    """Without those that lie in NOISE_SHARE of their frames or more, as long as another is left.

    Lowers the entry in `motion` of a body that lies in some frames: they may be what moves.
    """
    kept = list(bodies)
    for body in bodies:
        share = float(lying_frames(body).mean())
        if len(kept) == 1 or share == 0:
            continue
        if share >= NOISE_SHARE:
            kept = [other for other in kept if other is not body]
        else:
            motion[body.body_id] = min(motion[body.body_id], variance(body, upright_only=True))
    return kept


def _placed(bodies: Sequence[Body], max_persons: int) -> list[list[Body]]:
    """Each in the first slot whose span it does not overlap by more than one frame; others are left out."""
    spans = [_span(bodies[0]), *[(0, 0)] * (max_persons - 1)]
    slots: list[list[Body]] = [[bodies[0]], *([] for _ in range(max_persons - 1))]
    for body in bodies[1:]:
        first, last = _span(body)
        free = (n for n, (start, end) in enumerate(spans) if min(end, last) - max(start, first) <= 0)
        slot = next(free, None)
        if slot is not None:
            slots[slot].append(body)
            spans[slot] = min(spans[slot][0], first), max(spans[slot][1], last)
    return [slot for slot in slots if slot]


def _span(body: Body) -> tuple[int, int]:
    return int(body.frames[0]), int(body.frames[-1])
