"""The live page's server: a study's pictures made, read and changed step by step over HTTP."""
