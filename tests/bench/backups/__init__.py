"""Backups beside pgBackRest: same server, same data, same codec, level and workers, in turn, in one run.

`box` is the container both work in, `world` the cluster in it, `peers` the two of them. What measures runs inside
(`meter`, `inside`), so that starting something in a container is in no figure.
"""
