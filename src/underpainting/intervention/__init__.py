"""Acting on it: targets, edits of activations, pictures painted with them, and what came of it."""
