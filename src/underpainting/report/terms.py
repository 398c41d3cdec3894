"""Where the docs explain the words that the report uses."""

from underpainting.report.citation import PROJECT

DOCS = f"{PROJECT}/blob/main/docs"
TERMS = {
    "probe": "emergence.md#the-probe",
    "controls and ceiling": "emergence.md#who-else-could-have-told",
    "emergence": "emergence.md#the-emergence-step",
    "bar and lead": "emergence.md#ahead-by-how-many-steps",
    "above and below": "emergence.md#what-follows-from-it",
    "right class": "classification.md#the-right-class",
    "recognised": "classification.md#recognised",
    "class probe": "classification.md#when-could-the-network-itself-have-told",
    "target": "interventions.md#targets",
    "edit": "interventions.md#edits",
    "controls of an edit": "interventions.md#scored-as-a-causal-claim",
    "estimator": "estimators.md",
    "layers": "models.md",
    "files of a study": "study.md",
    "columns of the scores": "study.md#columns-of-scoresparquet",
}
"""Page and heading by term."""


def explained(*terms: str) -> list[tuple[str, str]]:
    """Terms with the addresses of their explanations."""
    return [(term, f"{DOCS}/{TERMS[term]}") for term in terms]
