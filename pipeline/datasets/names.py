"""Every dataset that we know, by its name in params. Names only: nothing here is imported before it is asked for."""

DATASETS: dict[str, tuple[str, int]] = {
    "arid": ("pipeline.datasets.arid.adapter:Arid", 1),
    "hmdb51": ("pipeline.datasets.hmdb51.adapter:Hmdb51", 1),
    "hmdb51_arid": ("pipeline.datasets.hmdb51_arid.adapter:Hmdb51Arid", 1),
    "ntu": ("pipeline.datasets.ntu.adapter:Ntu", 1),
    "nw_ucla": ("pipeline.datasets.nw_ucla.adapter:NwUcla", 1),
    "pku_mmd": ("pipeline.datasets.pku_mmd.adapter:PkuMmd", 1),
    "pyskl": ("pipeline.datasets.pyskl.adapter:Pyskl", 1),
    "smarthome": ("pipeline.datasets.smarthome.adapter:Smarthome", 1),
    "table": ("pipeline.datasets.table.adapter:Table", 1),
    "ucf101": ("pipeline.datasets.ucf101.adapter:Ucf101", 1),
    "utd_mhad": ("pipeline.datasets.utd_mhad.adapter:UtdMhad", 1),
}
"""Name to (where its class stands, version of its results). Raise a version when what that dataset's code gives
changes: the keys of its clips then change, and of no other's."""
