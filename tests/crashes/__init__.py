"""Power cuts: what a traced process did to a disk, and every state in which the disk may be found afterwards."""
