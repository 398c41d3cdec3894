"""What the scores say: tables in, tables out."""

from underpainting.findings.of_study import (
    classification_of,
    compare_studies,
    headlines_of,
    study_scores,
    unlike,
    write_findings,
)

__all__ = ["classification_of", "compare_studies", "headlines_of", "study_scores", "unlike", "write_findings"]
