"""Models that look at pictures: estimators (a property's map) and classifiers (what is shown)."""
