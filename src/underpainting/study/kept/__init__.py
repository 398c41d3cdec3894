"""What the phases leave for one another and for readers: totals, scores, shards, the choice, the gallery."""
