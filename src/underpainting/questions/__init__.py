"""Questions to a study that is done, one file each."""
