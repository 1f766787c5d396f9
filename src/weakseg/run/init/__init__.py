"""`weakseg init`: looks at a folder of images and a table, and writes the configuration of a run."""
