"""Choose the seed: see what each would come to after a few steps, and finish those that are wanted."""
