"""`weakseg check`: what a run would find and need, before it starts."""
