"""Pictures of a study with their maps, as a folder that other programs load."""
