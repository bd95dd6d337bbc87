"""Shards in the remote cache: content first, the sealed record last, created once and never replaced.

The record names its content by digest, so that two workers whose floats differ in the last bit never mix.
"""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import ContentError, ShardError
from ..files import sync_folder, write_atomic
from ..home.home import Cache
from ..home.withdrawn import Withdrawn
from ..keys import seal_holds
from ..locks import locked
from ..shards.documents import documents_from
from ..shards.records import read_record
from .content import Sender, content_name, fetched
from .objects import Objects

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """A record whose seal holds."""

    data: bytes
    size: int
    digest: str
    mtime_ns: int


def is_there(objects: Objects, key: str) -> bool:
    """Whether the remote cache has the shard, whole as far as its record and its size tell."""
    try:
        found = _record(objects, key)
    except ShardError:
        return False
    return found is not None and objects.size(content_name(found.digest)) == found.size


def send_shard(cache: Cache, key: str, sender: Sender, objects: Objects) -> None:
    """Send a shard of one's own: its content, then its record, which stays if another's came before.

    A record there that is damaged, or whose content is gone, gives way. Raises ContentError where one's own is damaged.
    """
    sender.send(cache.shard(key), read_record(cache.record(key)).digest)
    data = cache.record(key).read_bytes()
    if objects.create(_name(key), data) is None and not is_there(objects, key):
        objects.remove(_name(key))
        objects.create(_name(key), data)


def take_shard(objects: Objects, key: str, cache: Cache, withdrawn: Withdrawn | None = None) -> bool:
    """Make one's own what the remote cache holds under a key.

    False where that is nothing, damaged, or `withdrawn`: it is then removed there, to be made anew.
    """
    with locked(cache.lock(key)):
        if cache.holds(key):
            return True
        try:
            found = _record(objects, key)
            if found is None:
                return False
            _refuse(found, key, withdrawn)
            _take(objects, found, cache.shard(key))
        except (ShardError, ContentError) as error:
            log.warning("shard %s of the remote cache is made anew: %s", key, error)
            objects.remove(_name(key))
            return False
        write_atomic(cache.record(key), found.data)
    return True


def _record(objects: Objects, key: str) -> _Found | None:
    """What stands recorded under a key. Raises ShardError where that is damaged, or another's."""
    stored = objects.read(_name(key))
    if stored is None:
        return None
    if not seal_holds(stored.data):
        raise ShardError("its record fails its seal")
    document = json.loads(stored.data)
    if document.get("key") != key:
        raise ShardError(f"its record is that of {document.get('key')}")
    return _Found(stored.data, document["size"], document["digest"], document["mtime_ns"])


def _refuse(found: _Found, key: str, withdrawn: Withdrawn | None) -> None:
    """Raise ShardError where the rows' documents do not give the key, or the content was withdrawn here."""
    try:
        made_of = documents_from(json.loads(found.data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShardError(f"its record is unreadable ({error!r})") from error
    if made_of.key != key:
        raise ShardError(f"its documents give the key {made_of.key}")
    who = None if withdrawn is None else withdrawn.by(key, found.digest)
    if who is not None:
        raise ShardError(f"{who} withdrew it here")


def _take(objects: Objects, found: _Found, target: Path) -> None:
    with fetched(objects, found.digest, target.with_name(f"{target.name}.tmp")) as aside:
        if aside.stat().st_size != found.size:
            raise ShardError("its content is not as long as its record says")
        aside.chmod(0o444)  # stores link to this very file
        os.utime(aside, ns=(found.mtime_ns, found.mtime_ns))
        aside.rename(target)
    sync_folder(target.parent)


def _name(key: str) -> str:
    return f"records/{key[:2]}/{key}.json"
