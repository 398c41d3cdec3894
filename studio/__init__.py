"""The still life: a small path-traced world with exact depth, shading and masks."""
