"""Studies: config, prompts, splits, shards, and the running of them."""
