"""Is choosing seeds by their layout worth it? Regret against cost; see `benchmarks.regret.__main__`."""
