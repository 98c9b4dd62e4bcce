"""Files of a run and access to them: atomic writes, manifests, Parquet tables, archives, numbered shards.

Quarantine of damaged files, locks, progress lines and the supervision of processes are here too. What a file means
belongs to the package that writes it.
"""
