"""The site: pages that are made when it is built, beside those of docs/; see mkdocs.yml."""
