"""The cache's folder: shards, blobs, the index, row orders, references, remembered digests."""
