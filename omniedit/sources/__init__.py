"""Photos in: folders, WebDataset archives, Parquet files and the sample, with captions, crops and duplicates.

Imported edit pairs do not belong here, because this package knows only unedited photos.
"""
