"""Whole jobs, put together from study and report."""

from underpainting.workflow.acting import experiment, intervene, intervene_many, replay
from underpainting.workflow.looking import classification, classify, look, nonlinear, transfer
from underpainting.workflow.sharing import import_probes, plan_capture, pull, push
from underpainting.workflow.studies import (
    DEMO,
    FULL_DEMO,
    compare,
    demo,
    doctor,
    init,
    probed,
    reopen,
    report,
    run,
    study_needs,
    write_findings,
)

__all__ = [
    "DEMO",
    "FULL_DEMO",
    "classification",
    "classify",
    "compare",
    "demo",
    "doctor",
    "experiment",
    "import_probes",
    "init",
    "intervene",
    "intervene_many",
    "look",
    "nonlinear",
    "plan_capture",
    "probed",
    "pull",
    "push",
    "reopen",
    "replay",
    "report",
    "run",
    "study_needs",
    "transfer",
    "write_findings",
]
