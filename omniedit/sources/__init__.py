"""Photos in: folders, WebDataset archives, Parquet files and the sample, with captions, crops and duplicates.

Edit pairs from elsewhere do not belong here: this package knows only unedited photos.
"""
