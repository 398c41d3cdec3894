"""Models that look at pictures: estimators (a property's map) and classifiers (what is shown).

Every file of `estimators` and `classifiers` registers what it loads (see `registry`).
"""

from importlib import import_module
from pkgutil import iter_modules

for _kind in ("estimators", "classifiers"):
    _package = import_module(f"{__name__}.{_kind}")
    for _module in iter_modules(_package.__path__):
        import_module(f"{_package.__name__}.{_module.name}")
