"""Files on disk: atomic writes, HDF5 shards of maps, palette PNGs of labels, weights."""
