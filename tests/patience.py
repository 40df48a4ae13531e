"""How long a test waits for another process to end by itself, which only one that hangs never does."""

# Seconds. No measure of speed: a machine that is shared by many takes ten times as long as an idle one.
HANGS = 1200
