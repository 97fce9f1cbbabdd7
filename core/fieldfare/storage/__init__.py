"""Files as objects in a storage that fsspec reaches: S3, Google Cloud Storage, Azure, SFTP, and others.

``location`` tells a URL from a path; ``client`` reads, writes and lists objects; ``object_name`` is what their names
say; ``path`` stands for one file of a backup, which is one folder of objects; ``session`` numbers the processes that
write. fsspec is imported when a storage is opened, and not before.
May import: ``errors`` and ``support``. Must not know: what the files of a backup hold.
"""

from fieldfare.storage.location import BackupPath, backup_location, is_storage_url
from fieldfare.storage.path import StoragePath
from fieldfare.storage.session import claim_session

__all__ = ["BackupPath", "StoragePath", "backup_location", "claim_session", "is_storage_url"]
