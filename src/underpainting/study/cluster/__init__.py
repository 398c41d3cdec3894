"""Parts of studies made on many machines, by Ray.

The run (`executor`) starts a process that speaks to Ray (`broker`), which starts a worker (`actor`, `hand`)
wherever the cluster has room. A worker makes a part beside the folder that it belongs to, never in it: in a
scratch folder within that, where it sees it, or on its own disk, from which the part comes back as bytes
(`parcels`). The run alone puts whole parts where they belong.
"""
