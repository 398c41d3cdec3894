"""Shards made on many machines, by Ray.

The run (`executor`) starts a process that speaks to Ray (`broker`), which starts a worker (`actor`, `hand`)
wherever the cluster has room. A worker makes a shard beside the study, never in it: in a scratch folder
within the study's, where it sees that, or on its own disk, from which the shard comes back as bytes
(`parcels`). The run alone puts whole shards into the study.
"""
