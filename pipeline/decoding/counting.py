"""Frame counts and numbers of a video: from its packets' time stamps, or by decoding where these are not enough."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline.decoding.container import moving, open_stream
from pipeline.decoding.groups import Entry, find_entries
from pipeline.decoding.numbering import Numbering, decode
from pipeline.decoding.own_length import count_avi_chunks, refuse_cut_short
from pipeline.decoding.packets import INTERLACED, PacketFacts, must_decode, read_packets
from pipeline.errors import VideoError

HEADER_SLACK_FRAMES = 1
"""Headers of whole files promise up to this many frames more than there are packets."""

UNEVEN = 1.5
"""A frame that lasts so many times the median's time is no rounding."""


def number_frames(path: Path) -> Numbering:
    """Read a video's packets, and decode it where these don't tell which pictures there are.

    VideoError where it ends early, is damaged, or holds nothing that can be decoded.
    """
    with open_stream(path) as (container, stream):
        packets = read_packets(container, stream, path.name)
        facts = _Stream.of(container, stream, packets)
    refuse_cut_short(path)
    if not packets:
        raise VideoError(f"{path.name}: holds no frame; fetch it again")
    numbering = (_by_ticks if facts.avi else _by_times)(path, packets, facts)
    return replace(
        numbering,
        late=not packets[0].key,
        header_frames=facts.header_frames,
        flags=facts.flags | numbering.flags,
    )


@dataclass(frozen=True, slots=True)
class _Stream:
    """What is said of a stream as a whole."""

    avi: bool
    start: int
    fps: float
    header_frames: int | None
    promised: int
    """Packets that there must be; 0 where nobody says."""
    must_decode: bool
    entries: tuple[Entry, ...]
    flags: frozenset[str]
    index: int

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream, packets: Sequence[PacketFacts]) -> "_Stream":
        """Ask before the container is closed."""
        format_name = container.format.name
        flags = {
            "several_videos": len(moving(container)) > 1,
            "interlaced": stream.codec_context.field_order in INTERLACED,
            "hidden_frames": any(packet.hidden for packet in packets),
        }
        # an mp4's edit list takes packets out of the index that its header still counts
        promised = len(stream.index_entries) if "mp4" in format_name else stream.frames
        return cls(
            avi=format_name == "avi",
            start=stream.start_time or 0,
            fps=float(stream.average_rate or 0),
            header_frames=stream.frames or None,
            promised=promised,
            must_decode=must_decode(stream, packets),
            entries=find_entries(stream, packets),
            flags=frozenset(flag for flag, is_so in flags.items() if is_so),
            index=stream.index,
        )


def _truncated(path: Path, promised: int, found: int) -> VideoError:
    return VideoError(
        f"{path.name}: truncated: its header promises {promised} frames, it has {found}; fetch it again"
    )


def _by_times(path: Path, packets: Sequence[PacketFacts], facts: _Stream) -> Numbering:
    """A container whose packets say when they are shown: one frame a picture."""
    if facts.promised > len(packets) + HEADER_SLACK_FRAMES:
        raise _truncated(path, facts.promised, len(packets))
    shown = [packet for packet in packets if not packet.hidden]
    times = sorted(packet.shown_at for packet in shown if packet.shown_at is not None)
    key_time = next((packet.shown_at for packet in packets if packet.key), None)
    flags = {"uneven_times"} if _uneven(times) else set()
    if not facts.must_decode and len(set(times)) == len(shown) and key_time is not None:
        spare = tuple(packet.coded.spare for packet in packets) if facts.entries else ()
        return Numbering(
            len(times), tuple(times), key_time=key_time, entries=facts.entries, spare=spare, fps=facts.fps,
            flags=frozenset(flags),
        )  # fmt: skip
    skipped, out = _decode_all(path, late=not packets[0].key)
    if len(out) != len(shown):
        flags.add("shared_packets" if facts.must_decode else "undecodable_start")
    if skipped:
        flags.add("undecodable_start")
    counted = len(out) - skipped
    return Numbering(counted, None, tuple(range(counted)), skipped, fps=facts.fps, flags=frozenset(flags))


def _uneven(times: Sequence[int]) -> bool:
    steps = sorted(late - early for early, late in pairwise(times))
    return bool(steps) and steps[-1] > UNEVEN * max(steps[len(steps) // 2], 1)


def _by_ticks(path: Path, packets: Sequence[PacketFacts], facts: _Stream) -> Numbering:
    """Chunks are the ticks of an AVI's clock; its demuxer passes empty ones over, and numbers the others on."""
    ticks, every = _ticks(packets, facts.start)
    chunks = _count_chunks(path, facts, ticks[-1] + 1, every)
    late = not packets[0].key
    frames, skipped, end = ticks, 0, chunks
    if late or facts.must_decode or chunks > len(packets):
        skipped, out = _decode_all(path, late=late)
        frames, end = _frames_of(out, packets, ticks, chunks)
    first, shown = frames[skipped], len(frames) - skipped
    flags = {
        "undecodable_start": late and first > 0,
        "shared_packets": facts.must_decode and len(frames) != len(packets),
        "empty_packets": end - first > shown or (first > 0 and not late),
    }
    set_flags = frozenset(flag for flag, is_so in flags.items() if is_so)
    plain = frames is ticks and ticks == list(range(end))
    return Numbering(
        end, None, tuple(frames[skipped:]), skipped, entries=facts.entries if plain else (), fps=facts.fps / every,
        flags=set_flags,
    )  # fmt: skip


def _ticks(packets: Sequence[PacketFacts], start: int) -> tuple[list[int], int]:
    """Which tick each packet is, and how many of the file's own ticks are one: a clock that ticks twice a frame has no
    empty chunks."""
    stamps = [packet.decoded_at for packet in packets]
    ticks = [place if stamp is None else stamp - start for place, stamp in enumerate(stamps)]
    every = max(gcd(*ticks), 1)
    return [tick // every for tick in ticks], every


def _count_chunks(path: Path, facts: _Stream, seen: int, every: int) -> int:
    """Ticks of the whole file, `seen` or more: where the header promises more, empty chunks may stand at the end."""
    promised = facts.promised // every
    if promised <= seen + HEADER_SLACK_FRAMES:
        return seen
    chunks = max(seen, count_avi_chunks(path, facts.index) // every)
    if promised > chunks + HEADER_SLACK_FRAMES:
        raise _truncated(path, promised, chunks)
    return chunks


def _frames_of(
    out: Sequence[int | None], packets: Sequence[PacketFacts], ticks: Sequence[int], chunks: int
) -> tuple[list[int], int]:
    """For each picture its frame, and how many frames there are.

    A picture is shown when the packet is read that makes the decoder give it out, less the decoder's delay: packets 0,
    1, 2, 5 of a video with B-frames give nothing, pictures 0, 1 and 2, and the end gives picture 3: these are frames
    0, 1, 4 and 5. Filler takes no time.
    """
    places: list[int] = []
    fillers = 0
    for packet, tick in zip(packets, ticks, strict=True):
        places.append(tick - fillers)
        fillers += packet.filler
    delay = sum(packet is None for packet in out)
    end = places[-1] - delay
    frames: list[int] = []
    for source in out:
        end += source is None
        due = end if source is None else places[source] - delay
        frames.append(max(due, frames[-1] + 1 if frames else 0))
    return frames, max(chunks - fillers, frames[-1] + 1)


def _decode_all(path: Path, *, late: bool) -> tuple[int, list[int | None]]:
    """How many pictures come before the first keyframe's; and for each picture the packet, counted from 0, that made
    the decoder give it out: None where only the end did."""
    out: list[int | None] = []
    skipped = 0 if not late else None
    place = -1
    with open_stream(path) as (container, stream):
        for packet in container.demux(stream):
            place += packet.size > 0
            for frame in decode(packet, forgiving=skipped is None):
                if skipped is None and frame.key_frame:
                    skipped = len(out)
                out.append(place if packet.size else None)
    if skipped is None or not out:
        raise VideoError(f"{path.name}: holds no keyframe, so nothing of it can be decoded; encode it again")
    return skipped, out
