"""What the scores say: tables in, tables out."""
