"""Every kind of damage to every kind of file: named by who reads it or by `verify`, never believed."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.faults import contents
from underpainting.captures.read import Captures
from underpainting.captures.write import capture
from underpainting.diffusion import Model, load
from underpainting.errors import UnderpaintingError
from underpainting.findings import write_findings
from underpainting.intervention.asked import make_asked
from underpainting.intervention.edit import Edit
from underpainting.intervention.experiment import chosen_edit, distances
from underpainting.intervention.kept import keep, read_kept
from underpainting.intervention.picture import Intervened, Painted
from underpainting.probes import ProbeSet
from underpainting.records import (
    CHECKSUMS,
    EMERGENCE,
    INTERVENTIONS,
    LEADS,
    SCORES,
    atomic_folder,
    make_table,
    sealing,
    write_json,
    write_table,
)
from underpainting.report import keep_title
from underpainting.report.contents import kept_title, read_contents
from underpainting.study.damage import find_damage
from underpainting.study.kept.totals import read_totals
from underpainting.study.paths import FEATURES
from underpainting.study.results import results
from underpainting.study.study import StudyFolder, open_study

SEAL = ".sha256"
AIM = "saliency"
Reader = Callable[[Path], Any]


def other(path: Path) -> Path:
    """Another file of the same kind, or any other."""
    files = [p for p in sorted(path.parent.parent.rglob(f"*{path.suffix}")) if p.is_file() and p != path]
    beside = [p for p in sorted(path.parent.rglob("*")) if p.is_file() and p != path]
    return next(p for p in [*files, *beside] if p.read_bytes() != path.read_bytes())


def flipped(place: float) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(place * (len(data) - 1))] ^= 1
        path.write_bytes(data)

    return flip


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def deleted_with_its_seal(path: Path) -> None:
    path.unlink()
    path.with_name(path.name + SEAL).unlink(missing_ok=True)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced_by_a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def changed_value(path: Path) -> None:
    """Well-formed JSON with another value somewhere; of other kinds, bytes in the middle are exchanged."""
    if path.suffix != ".json":
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle] = (data[middle] + 1) % 256
        path.write_bytes(data)
        return
    about = json.loads(path.read_text(encoding="utf-8"))
    key = next(iter(about), "none")
    about[key] = "another"
    path.write_text(json.dumps(about), encoding="utf-8")


def seal_of_another(path: Path) -> None:
    """The seal, or the listing, that proves the file is lost."""
    seal = path.with_name(path.name + SEAL)
    (
        seal if seal.exists() else next(p / CHECKSUMS for p in path.parents if (p / CHECKSUMS).exists())
    ).unlink()


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "first bit flipped": flipped(0),
    "middle bit flipped": flipped(0.5),
    "last bit flipped": flipped(1),
    "last byte cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "half cut off": cut(0.5),
    "emptied": cut(0),
    "garbage appended": lambda path: path.write_bytes(path.read_bytes() + b"garbage"),
    "a value changed": changed_value,
    "contents of another file": lambda path: path.write_bytes(other(path).read_bytes()),
    "deleted": Path.unlink,
    "deleted with its seal": deleted_with_its_seal,
    "its seal lost": seal_of_another,
    "replaced by a folder": replaced_by_a_folder,
    "replaced by a loop of links": replaced_by_a_loop,
}


def add_interventions(study: StudyFolder) -> None:
    """An experiment and a picture of the tiny study, as those who make them leave them, without painting."""
    edit = Edit(kind="carry", strength=1.0, last=2, properties=(AIM,))
    home, batch = study.interventions_folder / AIM, study.config.run.batch_size
    image = study.of_split("test")[0].pictures[0]
    row = (image.image, image.prompt, 0, "null", AIM, AIM, "target", 0.5)
    table = make_table(INTERVENTIONS, {name: [row[i]] for i, name in enumerate(INTERVENTIONS.names)})
    cards = {
        study.chosen_edit_file(AIM): {"chosen": edit.model_dump(mode="json"), "tried": []},
        study.experiment_file(AIM): {
            "edit": edit.model_dump(mode="json"),
            "pictures": 2 * batch,
            "trials": 1,
        },
        study.distances_file(AIM): {"intervened": 1.5},
    }
    for path, about in cards.items():
        with study.sealing(path) as temporary:
            write_json(temporary, about)
    for start in (0, batch):
        with study.sealing(study.experiment_part(AIM, start)) as temporary:
            write_table(temporary, table, INTERVENTIONS)
        with study.sealing(study.experiment_part(AIM, start).with_suffix(FEATURES)) as temporary:
            save_file({"null": torch.rand(4, 3), "intervened": torch.rand(4, 3)}, temporary)
    with study.sealing(study.examples_file(AIM)) as temporary:
        save_file({"before": torch.zeros(1, 4, 4, 3, dtype=torch.uint8)}, temporary)
    with study.sealing(study.interventions_file) as temporary:
        write_table(temporary, pa.concat_tables([table, table]), INTERVENTIONS)
    assert home.is_dir()
    maps = {AIM: torch.rand(4, 4)}
    painted = Painted(torch.zeros(4, 4, 3, dtype=torch.uint8), maps, {(AIM, "target"): 0.5}, None)
    made = Intervened(make_asked({"prompt": "a", "seed": 1, "right": 0.1}), edit, painted, painted, maps)
    keep(made, study, b"a strip", study.interventions_folder / "kept")


@pytest.fixture(scope="module")
def study(finished: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A finished study with everything that one can have."""
    folder = tmp_path_factory.mktemp("damaged") / "study"
    shutil.copytree(finished.folder, folder)
    made = open_study(folder)
    write_findings(made)
    keep_title(made, "A title")
    add_interventions(made)
    write_report_file(made)
    return made


def write_report_file(study: StudyFolder) -> None:
    """A page in the report's place; what it says is another test's matter."""
    with study.sealing(study.report_file) as temporary:
        temporary.write_text("<html></html>", encoding="utf-8")


def tensors(found: Any) -> Any:
    """What readers give, so that it can be compared."""
    if isinstance(found, dict):
        return {key: tensors(value) for key, value in found.items()}
    if isinstance(found, torch.Tensor | np.ndarray):
        return np.asarray(found).tobytes()
    return found


def probes_of(found: ProbeSet) -> Any:
    return {
        key: (tensors(e.probe.weight), float(e.probe.bias), e.threshold) for key, e in found.entries.items()
    }


def totals_of(study: StudyFolder) -> Any:
    read = read_totals(study.require(study.totals_file))
    return {place: tensors(dict(moments.state())) for place, moments in read.moments.items()}


def kept_of(folder: Path, study: StudyFolder) -> Any:
    made = read_kept(folder, study)
    return tensors(made.after.picture), tensors(made.after.maps), made.asked, made.edit, made.scores


READERS: dict[str, Callable[[StudyFolder], Any]] = {
    "results": results,
    "emergence": lambda study: study.table(study.emergence_file, EMERGENCE),
    "leads": lambda study: study.table(study.leads_file, LEADS),
    "calibrate": lambda study: study.table(study.calibrate_file, SCORES),
    "labels": lambda study: tensors(study.labels("depth")),
    "pictures": lambda study: [
        study.picture_file(shard.number, row.image).read_bytes()
        for shard in study.shards
        for row in shard.pictures
    ],
    "gallery": lambda study: tensors(dict(study.gallery.arrays)) if study.gallery else None,
    "probes": lambda study: probes_of(study.probes),
    "moments": totals_of,
    "title": kept_title,
    "edit": lambda study: chosen_edit(study, AIM),
    "distances": lambda study: distances(study, study.interventions_folder / AIM),
    "experiments": lambda study: [
        (one.aim, one.edit, one.rows, tensors(dict(one.examples))) for one in read_contents(study).experiments
    ],
    "kept": lambda study: kept_of(study.interventions_folder / "kept", study),
}
ALL = ("results", "labels")
"""Readers that every damage is shown to; those of its own file besides."""

OWN = {
    "emergence.parquet": ("emergence",),
    "leads.parquet": ("leads",),
    "calibrate.parquet": ("calibrate",),
    "gallery": ("gallery",),
    "probes": ("probes",),
    "moments": ("moments",),
    "shards": ("pictures",),
    "report": ("title",),
    "interventions": ("experiments", "edit", "distances", "kept"),
}
UNSEEN = {
    (name, "deleted with its seal")
    for name in (
        "report/index.html",
        "report/title.txt",
        f"interventions/{AIM}/choice.json",
        f"interventions/{AIM}/distances.json",
    )
}
"""What looks as if it had never been made: nothing else on the disk follows from it."""

ROOTS = ("prompts.parquet", "environment.json")


def kinds(folder: Path) -> list[str]:
    """One file of each kind; of pictures one a study."""
    chosen: dict[tuple[str, ...], str] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != SEAL):
        name = path.relative_to(folder)
        if name.name not in (CHECKSUMS, "study.toml"):
            parts = tuple(p for p in name.parts if not p[:5].isdigit())
            key = ("images",) if "images" in parts else (*parts, path.suffix)
            chosen.setdefault(key, name.as_posix())
    return list(chosen.values())


def restored(folder: Path, whole: dict[str, bytes]) -> None:
    """Put back what a damage changed."""
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if name in whole and (path.is_symlink() or path.is_dir()):
            path.unlink() if path.is_symlink() else path.rmdir()
    for name, data in whole.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)


def one_line(error: UnderpaintingError, name: str) -> None:
    said = str(error)
    parts = Path(name).parts
    assert "\n" not in said and any(part in said for part in (*parts, parts[0])), (name, said)


def who_notices(folder: Path, name: str, before: dict[str, Any]) -> set[str]:
    """Who names a damage; every reader that does not must give what it gave before."""
    try:
        study = open_study(folder)
    except UnderpaintingError as error:
        one_line(error, name)
        return {"open"}
    seen = (
        {"verify"} if any(f"{folder / name}".startswith(f"{d.path}") for d in find_damage(study)) else set()
    )
    for reader in {*ALL, *(one for part, own in OWN.items() if name.startswith(part) for one in own)}:
        try:
            found = READERS[reader](study)
        except UnderpaintingError as error:
            one_line(error, name)
            seen.add(reader)
        else:
            assert found == before[reader], (name, reader)
    return seen


def test_no_damage_of_a_finished_study_is_believed(study: StudyFolder) -> None:
    folder, whole = study.folder, contents(study.folder)
    before = {name: reader(open_study(folder)) for name, reader in READERS.items()}
    assert find_damage(study) == []
    names, tried = kinds(folder), 0
    assert len(names) > 22
    for name in names:
        for damage, act in DAMAGES.items():
            if (name, damage) in UNSEEN:
                continue
            act(folder / name)
            assert who_notices(folder, name, before) & {"verify", "open"}, (name, damage)
            restored(folder, whole)
            tried += 1
    assert tried > 300 and find_damage(open_study(folder)) == []


@pytest.fixture(scope="module")
def twin(study: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The same files as another study's: of a model with other weights, and sealed as its own."""
    folder = tmp_path_factory.mktemp("damaged") / "twin"
    shutil.copytree(study.folder, folder)
    recorded = json.loads(study.environment_file.read_text(encoding="utf-8"))
    recorded["model"]["fingerprint"] = "another"
    with sealing(folder / "environment.json") as temporary:
        write_json(temporary, recorded)
    made = open_study(folder)
    assert made.identity != study.identity
    for path in units(folder):
        is_kept = path.name == "kept"
        old = path.rename(path.with_name(f".{path.name}"))
        if old.is_dir():
            (old / CHECKSUMS).unlink()
            with atomic_folder(path, made.owner if is_kept else made.origin(path)) as temporary:
                shutil.copytree(old, temporary, dirs_exist_ok=True)
            shutil.rmtree(old)
        else:
            with made.sealing(path) as temporary:
                temporary.write_bytes(old.read_bytes())
            old.unlink()
    assert find_damage(made) == []
    return made


def units(folder: Path) -> list[Path]:
    """Everything that has a seal or a listing of its own, but for what says which study it is."""
    sealed = [p.with_suffix("") for p in sorted(folder.rglob(f"*{SEAL}")) if not p.name.startswith(ROOTS)]
    return sealed + [p.parent for p in sorted(folder.rglob(CHECKSUMS))]


def put(source: Path, target: Path) -> None:
    """Put a file with its seal, or a folder, in another's place."""
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(source, target)
        return
    shutil.copy(source, target)
    seal = source.with_name(source.name + SEAL).read_text(encoding="utf-8")
    target.with_name(target.name + SEAL).write_text(seal.replace(source.name, target.name), encoding="utf-8")


def test_whole_files_of_another_study_or_place_are_not_taken(study: StudyFolder, twin: StudyFolder) -> None:
    whole = contents(study.folder)
    for path in units(study.folder):
        name = path.relative_to(study.folder)
        put(twin.folder / name, path)
        assert [d.path for d in find_damage(study)] == [path], name
        with pytest.raises(UnderpaintingError, match=r"belongs to another study"):
            if name.parts[-1] == "kept":
                read_kept(path, study)
            else:
                study.require(path)
        restored(study.folder, whole)
    put(study.scores_file, study.interventions_file)
    assert [d.path for d in find_damage(study)] == [study.interventions_file]
    restored(study.folder, whole)


def test_a_study_is_the_same_wherever_it_lies(study: StudyFolder, tmp_path: Path) -> None:
    shutil.copytree(study.folder, tmp_path / "renamed")
    moved = open_study(tmp_path / "renamed")
    assert moved.identity == study.identity and find_damage(moved) == []


@pytest.fixture(scope="module")
def captured(pipeline_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captured") / "capture"
    made: Model = load(pipeline_folder, device="cpu")
    prompts = ["a", "b", "c"]
    capture(made, prompts, [1, 2, 3], folder, layers=["mid.0"], steps=1, batch_size=3)
    return folder


def test_no_damage_of_a_capture_is_believed(captured: Path) -> None:
    whole = contents(captured)

    def read() -> Any:
        made = Captures(captured)
        return (
            made.images,
            [tensors(made.read(i, "mid.0", 1)) for i in made.images],
            made.picture(made.images[0]),
        )

    images, activations, picture = read()
    last = f"{images[-1]}.safetensors"
    for name in (n for n in whole if not n.endswith(SEAL)):
        for damage, act in DAMAGES.items():
            if damage == ("contents of another file" if name == "capture.json" else "its seal lost"):
                continue
            act(captured / name)
            try:
                found = read()
            except UnderpaintingError as error:
                one_line(error, name)
            else:  # padding of a header, say; or the last image, which may not be made yet
                same = found[0] == images and found[1] == activations and torch.equal(found[2], picture)
                assert same or (name == last and found[0] == images[:-1]), (name, damage)
            restored(captured, whole)
    assert len(whole) == 5 and Captures(captured).damage() == []


def test_an_image_of_another_capture_or_place_is_not_taken(captured: Path) -> None:
    whole = contents(captured)
    first, second = (captured / f"{image}.safetensors" for image in Captures(captured).images[:2])
    first.write_bytes(second.read_bytes())
    with pytest.raises(UnderpaintingError, match=rf"{first.name} is no readable .*of another capture"):
        Captures(captured).read(first.stem, "mid.0", 1)
    restored(captured, whole)
    card = json.loads((captured / "capture.json").read_text(encoding="utf-8"))
    with sealing(captured / "capture.json") as temporary:
        write_json(temporary, {**card, "guidance_scale": 1.5})
    assert len(Captures(captured).damage()) == 3
    restored(captured, whole)


def test_no_damage_of_a_set_of_probes_is_believed(study: StudyFolder, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    study.probes.save_pretrained(folder)
    whole, before = contents(folder), probes_of(ProbeSet.from_pretrained(folder))
    for name in ("probes.safetensors", "card.json"):
        for damage, act in DAMAGES.items():
            if damage not in ("its seal lost", "contents of another file"):
                act(folder / name)
                try:
                    assert probes_of(ProbeSet.from_pretrained(folder)) == before, (name, damage)
                except UnderpaintingError as error:
                    one_line(error, folder.name)
                else:
                    assert json.loads((folder / "card.json").read_text()) == json.loads(whole["card.json"])
                restored(folder, whole)


def test_rows_of_a_layer_that_the_study_has_not_are_named(study: StudyFolder) -> None:
    whole, table = contents(study.folder), study.table(study.scores_file, SCORES)
    strange = pa.array(["up.9.9"] * len(table)).dictionary_encode()
    with study.sealing(study.scores_file) as temporary:
        write_table(temporary, table.set_column(1, "layer", strange), SCORES)
    with pytest.raises(UnderpaintingError, match=r"scores of layer 'up\.9\.9'"):
        read_contents(study)
    restored(study.folder, whole)


@pytest.fixture
def linked(study: StudyFolder, tmp_path: Path) -> Iterator[StudyFolder]:
    """The study with parts on another disk, linked."""
    shutil.copytree(study.folder, tmp_path / "linked")
    for name in ("gallery", "shards/00000", "emergence.parquet", "moments"):
        (tmp_path / "linked" / name).rename(tmp_path / Path(name).name)
        (tmp_path / "linked" / name).symlink_to(tmp_path / Path(name).name)
    yield open_study(tmp_path / "linked")


def test_linked_parts_are_checked_and_taken_away_as_links(linked: StudyFolder, tmp_path: Path) -> None:
    from underpainting.study.damage import repair

    assert find_damage(linked) == []
    for name in ("gallery/gallery.json", "00000/aside.json", "emergence.parquet"):
        flipped(0.5)(tmp_path / name)
    found = find_damage(linked)
    assert {d.path.name for d in found} == {"gallery", "00000", "emergence.parquet"}
    repair(linked, found)
    assert not any(d.path.is_symlink() for d in found)
    assert (tmp_path / "gallery/gallery.json").exists() and (tmp_path / "00000").is_dir()
