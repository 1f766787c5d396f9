"""Published weights by name: the table of known files, and the cache that they are fetched into."""
