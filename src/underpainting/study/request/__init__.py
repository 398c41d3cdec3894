"""What is asked for: a study's config, presets, prompts, splits, and labels that are brought."""
