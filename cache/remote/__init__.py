"""A cache in S3 for workers that share no disk: claims, content by its digest, shards, and stores fetched as read."""
