"""Side-by-side measurements of speed, memory and agreement; `python -m benchmarks` runs them all."""
