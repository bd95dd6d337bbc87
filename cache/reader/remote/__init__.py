"""Files of a store that lie on a web server or in S3."""
