"""Where the doctor looks: one module per kind of host, all of them the `Host` of base.py."""
