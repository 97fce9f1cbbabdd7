"""The dask plugin of fieldfare: work on shards runs on the workers of a Dask cluster."""
