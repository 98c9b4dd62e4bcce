"""Files of a run and who may touch them: atomic writes, manifests, Parquet tables, archives, numbered shards.

Damaged files are set aside here, and locks, progress lines and the watch over processes live here too. What a file
means belongs to the package that writes it.
"""
