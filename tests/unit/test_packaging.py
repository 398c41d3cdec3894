"""The wheel holds the package whole, the sdist all that makes and tests it; both say whose they are."""

import tomllib
from pathlib import Path

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

import underpainting

ROOT = Path(__file__).parents[2]


def files(builder: SdistBuilder | WheelBuilder) -> set[str]:
    return {file.distribution_path for file in builder.recurse_included_files()}


@pytest.fixture(scope="module")
def wheel() -> WheelBuilder:
    return WheelBuilder(str(ROOT))


def test_the_wheel_is_the_package_and_nothing_else(wheel: WheelBuilder) -> None:
    package = ROOT / "src" / "underpainting"
    expected = {
        f"underpainting/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    pages = {"concepts.md", *(f"errors/{path.name}" for path in (ROOT / "docs" / "errors").glob("*.md"))}
    found = files(wheel)
    assert found == expected | {f"underpainting/explained/docs/{page}" for page in pages}
    assert {
        "underpainting/py.typed",
        "underpainting/report/templates/report.html.j2",
        "underpainting/stilllife/LICENSE",
        "underpainting/stilllife/README.md",
        "underpainting/stilllife/pipeline/unet/diffusion_pytorch_model.safetensors",
        "underpainting/stilllife/estimator/model.safetensors",
        "underpainting/stilllife/classifier/model.safetensors",
    } <= found


def test_licence_authors_and_addresses_are_told(wheel: WheelBuilder) -> None:
    about = wheel.metadata.core
    assert set(about.license_files) == {"LICENSE", "src/underpainting/stilllife/LICENSE"}
    assert (
        about.authors
        and about.maintainers
        and set(about.urls)
        == {
            "Homepage",
            "Documentation",
            "Repository",
            "Issues",
            "Changelog",
        }
    )
    for name in ("Documentation", "Changelog"):
        _, _, path = about.urls[name].partition("/blob/main/")
        assert (ROOT / path).is_file(), about.urls[name]


def test_the_sdist_can_be_read_made_and_tested() -> None:
    found = files(SdistBuilder(str(ROOT)))
    assert {
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints.txt",
        "figures/demo.json",
        "mkdocs.yml",
        "benchmarks/workers.py",
        "studio/README.md",
        "tests/unit/test_packaging.py",
    } <= found
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert len(written) > 10 and written <= found


def test_every_pin_is_a_version_that_the_ranges_allow() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    wanted = project["dependencies"] + [
        line for extra in project["optional-dependencies"].values() for line in extra
    ]
    checked = 0
    for requirement in map(Requirement, wanted):
        version = pins.get(requirement.name.lower().replace("_", "-"))
        if version is not None:
            assert requirement.specifier.contains(version), f"{requirement} leaves out the pinned {version}"
            checked += 1
    assert checked > 20


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == underpainting.__version__
    assert citation["abstract"].rstrip(".") == project["description"]
    assert citation["license"] == project["license"] and citation["keywords"] == project["keywords"]
    assert citation["repository-code"] == project["urls"]["Repository"]
    assert citation["authors"] == project["authors"] == project["maintainers"]
