"""Everything a person can get wrong: one clear line each, exit code 2 on the command line, nothing lost."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from underpainting import UnderpaintingError
from underpainting.cli import main
from underpainting.controls.always import shuffled
from underpainting.dataset.write import export
from underpainting.diffusion import Model, attach, load
from underpainting.observers.classifiers import load_classifier
from underpainting.observers.estimators import load_estimator
from underpainting.probes import (
    Moments,
    Patches,
    ProbeSet,
    TokenMeans,
    best_threshold,
    ceiling,
    fit,
    load_sums,
    ridge,
    spearman,
)
from underpainting.probes.card import checksum
from underpainting.records import PROMPTS, SCORES, atomic_folder, make_table, read_table, write_table
from underpainting.seeds.shorten import shorten
from underpainting.seeds.variance import variance
from underpainting.study.request.config import parse_config, read_config
from underpainting.study.request.prompts import PromptRow, read_prompts
from underpainting.study.study import create_study, open_study


@dataclass
class Place:
    """Where a case happens: an empty folder, and the tiny model."""

    folder: Path
    model: Model

    def file(self, content: str | bytes, name: str = "prompts.csv") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


Case = tuple[str, Callable[[Place], Any], str]


def config(**sections: Any) -> Callable[[Place], Any]:
    return lambda at: parse_config(sections, "study.toml")


def prompts(content: str | bytes) -> Callable[[Place], Any]:
    return lambda at: read_prompts(at.file(content))


def denoise(*arguments: Any, **options: Any) -> Callable[[Place], Any]:
    return lambda at: at.model.denoise(*(arguments or (["a"], [1])), **{"steps": 2, **options})


def rows(*pairs: tuple[str, int]) -> list[PromptRow]:
    return [PromptRow(prompt, seed, i) for i, (prompt, seed) in enumerate(pairs)]


def moments(*values: float) -> Moments:
    of = Moments(2, 1)
    if values:
        of.update(torch.tensor([[v, 1.0] for v in values]), torch.ones(len(values), 1))
    return of


def sums_file(at: Place, **tensors: torch.Tensor) -> Path:
    path = at.folder / "sums.safetensors"
    save_file({f"moments/{name}": value for name, value in tensors.items()}, path)
    return path


def card(at: Place, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A set of one probe whose card is changed."""
    about: dict[str, Any] = {
        "model": "tiny",
        "images": {},
        "steps": 1,
        "branches": ["conditional"],
        "properties": {"depth": {"best_layer": "a", "metric": "spearman", "best_layer_by_step": {"1": "a"}}},
        "layers": [{"name": "a", "grid": [2, 2], "channels": 3}],
        "probes": {"depth/a/1/conditional": {"strength": 1.0, "threshold": None}},
    }
    change(about)
    save_file({"depth/a/1/conditional": torch.ones(4)}, at.folder / "probes.safetensors")
    about["checksum"] = checksum(about, at.folder / "probes.safetensors")
    at.file(json.dumps(about), "card.json")
    return at.folder


def cli(*arguments: str) -> Callable[[Place], Any]:
    return lambda at: main([a.replace("FOLDER", str(at.folder)) for a in arguments])


def init(*options: str) -> Callable[[Place], Any]:
    few = () if "--limit" in options else ("--limit", "8")
    return cli("init", "FOLDER/study", "--prompts", "stilllife", *few, *options)


def study(at: Place) -> Path:
    """A study that has not been run."""
    pairs = [(f"thing {i}", i) for i in range(6)]
    create_study(at.folder / "study", parse_config({}, "here"), rows(*pairs))
    return at.folder / "study"


def broken(name: str, content: bytes | None) -> Callable[[Place], Any]:
    """Open a study one of whose files is missing or holds something else."""

    def act(at: Place) -> None:
        path = study(at) / name
        path.unlink() if content is None else path.write_bytes(content)
        open_study(path.parent)

    return act


ones, zeros = torch.ones, torch.zeros
PATCHES = Patches.of(ones(4, 4), (2, 2))
CASES: list[Case] = [
    # configs
    ("steps zero", config(model={"steps": 0}), "steps = 0"),
    ("steps too many", config(model={"steps": 100000}), "steps = 100000"),
    ("steps a word", config(model={"steps": "many"}), "steps = 'many'"),
    ("steps a fraction", config(model={"steps": 1.5}), "steps = 1.5"),
    ("guidance negative", config(model={"guidance_scale": -1}), "guidance_scale"),
    ("guidance infinite", config(model={"guidance_scale": float("inf")}), "guidance_scale"),
    ("dtype unknown", config(model={"dtype": "int8"}), "dtype = 'int8'"),
    ("model no table", config(model=3), "model"),
    ("key misspelt", config(model={"stesp": 3}), "did you mean 'steps'"),
    ("section misspelt", config(modle={}), "did you mean 'model'"),
    ("key of nowhere", config(run={"zzzz": 1}), "unknown key 'zzzz'"),
    ("limit zero", config(prompts={"limit": 0}), "limit = 0"),
    ("limit negative", config(prompts={"limit": -4}), "limit = -4"),
    ("file a number", config(prompts={"file": 4}), "file = 4"),
    ("shares short of one", config(split={"fit": 0.5}), "add up to 1"),
    ("share zero", config(split={"fit": 0.0, "calibrate": 0.5, "test": 0.5}), "fit = 0.0"),
    ("share negative", config(split={"test": -0.2}), "test = -0.2"),
    ("share above one", config(split={"fit": 2.0}), "fit = 2.0"),
    ("split seed a word", config(split={"seed": "x"}), "seed = 'x'"),
    ("no layers", config(watch={"layers": []}), "layers"),
    ("layers a string", config(watch={"layers": "up.3.0"}), "layers"),
    ("no branches", config(watch={"branches": []}), "branches"),
    ("branch unknown", config(watch={"branches": ["both"]}), "'both'"),
    ("no strengths", config(probes={"strengths": []}), "strengths"),
    ("strength negative", config(probes={"strengths": [-1]}), "strengths"),
    ("strength not a number", config(probes={"strengths": [float("nan")]}), "strengths"),
    ("strengths without end", config(probes={"strengths": [1.0] * 1000}), "strengths"),
    ("batch of one", config(run={"batch_size": 1}), "batch_size = 1"),
    ("batch huge", config(run={"batch_size": 10**9}), "batch_size"),
    ("shard empty", config(run={"shard_size": 0}), "shard_size = 0"),
    ("shard huge", config(run={"shard_size": 10**9}), "shard_size"),
    ("gallery negative", config(run={"gallery": -1}), "gallery = -1"),
    ("gallery huge", config(run={"gallery": 10**9}), "gallery"),
    ("controls share negative", config(controls={"share": -0.1}), "share = -0.1"),
    ("controls share over one", config(controls={"share": 2}), "share = 2"),
    ("control unknown", config(controls={"use": ["brother"]}), "brother"),
    ("controls a string", config(controls={"use": "network"}), "use"),
    ("controls of another day", config(controls={"twins": ["permuted"]}), "unknown key 'twins'"),
    ("control unknown", config(controls={"use": ["permutd"]}), "did you mean 'permuted'"),
    ("control of nowhere", config(controls={"use": ["zzzz"]}), "known are"),
    ("controls a string", config(controls={"use": "permuted"}), "use"),
    ("device a list", config(run={"device": ["cpu"]}), "device"),
    ("toml broken", lambda at: read_config(Path(at.file("[model\n", "s.toml"))), "no readable TOML file"),
    ("toml binary", lambda at: read_config(Path(at.file(b"\xff\xfe\x00", "s.toml"))), "not text in UTF-8"),
    ("toml endless", lambda at: read_config(Path(at.file("#" * 2_000_000, "s.toml"))), "2000000 bytes"),
    ("toml missing", lambda at: read_config(at.folder / "s.toml"), "it is not there"),
    (
        "toml twice",
        lambda at: read_config(Path(at.file("[run]\n[run]\n", "s.toml"))),
        "no readable TOML file",
    ),
    # prompts
    ("prompts missing", lambda at: read_prompts(str(at.folder / "no.csv")), "no prompts at"),
    ("prompts a folder", lambda at: read_prompts(str(at.folder)), "no prompts at"),
    ("prompts empty", prompts(""), "is empty"),
    ("prompts blank", prompts("\n\n \n"), "is empty"),
    ("header only", prompts("prompt,seed\n"), "holds no prompts"),
    ("no prompt column", prompts("text,seed\na,1\n"), "needs columns prompt,seed"),
    ("seed a word", prompts("prompt,seed\na,1\nb,x\n"), "line 3: seed 'x'"),
    ("seed a fraction", prompts("prompt,seed\na,1.5\n"), "line 2: seed '1.5'"),
    ("seed negative", prompts("prompt,seed\na,-1\n"), "line 2: seed '-1'"),
    ("seed huge", prompts(f"prompt,seed\na,{10**30}\n"), "line 2"),
    ("seed missing", prompts("prompt,seed\na\n"), "line 2"),
    ("prompt empty", prompts("prompt,seed\n,1\n"), "line 2: the prompt is empty"),
    ("prompt of spaces", prompts("prompt,seed\n  ,1\n"), "line 2: the prompt is empty"),
    ("a row twice", prompts("prompt,seed\na,1\nb,2\na,1\n"), "already on line 2"),
    ("number of a prompt a word", prompts("prompts,seeds,prompt_inds\na,1,x\n"), "line 2: prompt_ind 'x'"),
    ("prompts binary", prompts(b"\x00\x01\x02\x03" * 50), "is not text"),
    ("prompts a broken Parquet", prompts(b"PAR1 and then nothing"), "not a readable Parquet"),
    ("prompts a picture", prompts(b"\x89PNG\r\n\x1a\n" + bytes(range(256))), "prompts.csv"),
    # requests to a model
    ("one string", denoise("a cat", [1]), "one string and 1 seeds"),
    ("no prompts", denoise([], []), "0 prompts"),
    ("seeds too few", denoise(["a", "b"], [1]), "2 prompts and 1 seeds"),
    ("no steps", denoise(steps=0), "steps is 0"),
    ("stop after the end", denoise(stop_after=3), "from 1 to 2"),
    ("stop before the start", denoise(stop_after=0), "stop_after is 0"),
    ("layer unknown", denoise(watch=["up.9.0"]), "unknown layer up.9.0: nearest are up"),
    ("layer path unknown", denoise(watch=["up_blocks.7.attentions.0"]), "unknown layer up_blocks.7"),
    ("layers a string", denoise(watch="up.3.0"), "is one string"),
    ("layer without grid", denoise(watch=["time_embedding"]), "no grid of tokens"),
    ("branch unknown", denoise(watch=["mid.0"], branches=["both"]), "unknown branch both"),
    (
        "unconditional without guidance",
        denoise(watch=["mid.0"], branches=["unconditional"], guidance_scale=1.0),
        "does not exist without guidance",
    ),
    ("edit of nothing", denoise(edit=lambda layer, evaluation, x: x), "name them in watch"),
    (
        "edit without return",
        denoise(watch=["mid.0"], edit=lambda layer, evaluation, x: None),
        "returned no tensor",
    ),
    ("edit of another shape", denoise(watch=["mid.0"], edit=lambda layer, evaluation, x: x[:, :1]), "keep"),
    ("edit of another type", denoise(watch=["mid.0"], edit=lambda layer, evaluation, x: x.double()), "keep"),
    ("edit to infinity", denoise(watch=["mid.0"], edit=lambda layer, evaluation, x: x / 0), "non-finite"),
    ("odd size", denoise(height=33), "that 8 divides"),
    ("scheduler unknown", lambda at: at.model.use_scheduler("fast"), "unknown scheduler fast: use one of"),
    ("no such folder", lambda at: load(at.folder / "no"), "no folder"),
    ("no pipeline in the folder", lambda at: load(at.folder), "no model_index.json"),
    ("a file for a pipeline", lambda at: load(at.file("x", "model.ckpt")), "is a file"),
    (
        "an index of nothing",
        lambda at: load(Path(at.file("{}", "p/model_index.json")).parent),
        "cannot load a pipeline",
    ),
    (
        "a broken index",
        lambda at: load(Path(at.file("{", "p/model_index.json")).parent),
        "no readable index of a pipeline",
    ),
    ("a twin of nothing", lambda at: load(f"{at.folder}:permuted"), "no model_index.json"),
    ("no such device", lambda at: load("stilllife", device="abacus"), "device abacus is not available"),
    ("no pipeline at all", lambda at: attach(object()), "no adapter"),
    # estimators and classifiers
    ("estimator unknown", lambda at: load_estimator("midsa"), "no estimator 'midsa'"),
    ("estimator of no module", lambda at: load_estimator("no.such:Thing"), "cannot be imported"),
    ("estimator of no class", lambda at: load_estimator("json:Thing"), "cannot be imported"),
    ("estimator folder empty", lambda at: load_estimator(at.folder), "config.json is no readable"),
    (
        "estimator config broken",
        lambda at: load_estimator(Path(at.file("{", "config.json")).parent),
        "no readable configuration",
    ),
    (
        "estimator of no channels",
        lambda at: load_estimator(Path(at.file('{"channels": [0, 1, 2, 3]}', "config.json")).parent),
        "four 'channels'",
    ),
    (
        "estimator of endless channels",
        lambda at: load_estimator(Path(at.file('{"channels": [1, 1, 1, 9999999]}', "config.json")).parent),
        "four 'channels'",
    ),
    (
        "estimator without weights",
        lambda at: load_estimator(Path(at.file('{"channels": [4, 4, 4, 4]}', "config.json")).parent),
        "no readable file of weights: it is not there",
    ),
    ("picture of odd size", lambda at: load_estimator("stilllife")(zeros(1, 3, 100, 100)), "multiples of 16"),
    ("picture without colours", lambda at: load_estimator("stilllife")(zeros(128, 128)), "takes pictures"),
    ("classifier unknown", lambda at: load_classifier("vgg"), "no classifier 'vgg'"),
    (
        "classifier of nothing",
        lambda at: load_classifier(Path(at.file('{"classes": []}', "config.json")).parent),
        "a list of names",
    ),
    # probes
    ("activations flat", lambda at: fit(zeros(9), zeros(9, 4, 4)), "activations"),
    ("labels flat", lambda at: fit(zeros(9, 4, 2), zeros(9)), "labels"),
    ("labels too few", lambda at: fit(zeros(9, 4, 2), zeros(8, 4, 4)), "as many pictures as labels"),
    ("no square grid", lambda at: fit(zeros(9, 5, 2), zeros(9, 4, 4)), "make no square grid"),
    ("grid of other size", lambda at: fit(zeros(9, 4, 2), zeros(9, 4, 4), grid=(1, 3)), "grid of 1 x 3"),
    ("label coarser than grid", lambda at: fit(zeros(9, 16, 2), zeros(9, 2, 2)), "at least as fine"),
    ("activations infinite", lambda at: fit(zeros(9, 4, 2) / 0, zeros(9, 4, 4)), "non-finite"),
    ("pictures too few", lambda at: fit(zeros(2, 4, 2), zeros(2, 4, 4)), "leave none to fit"),
    ("shares too large", lambda at: fit(zeros(9, 4, 2), zeros(9, 4, 4), test_share=0.9), "leave none to fit"),
    ("masks all empty", lambda at: fit(torch.rand(9, 4, 2), zeros(9, 4, 4)), "non-empty mask"),
    ("moments of other channels", lambda at: moments().update(zeros(3, 3), zeros(3, 1)), "moments take x"),
    ("moments of other tokens", lambda at: moments().update(zeros(3, 2), zeros(4, 1)), "same tokens"),
    ("moments of other layers merged", lambda at: moments().merge(Moments(3, 1)), "cannot be merged"),
    ("means of other grids merged", lambda at: TokenMeans(2, 1).merge(TokenMeans(3, 1)), "cannot be merged"),
    ("means of no pictures", lambda at: TokenMeans(2, 1).update(zeros(2, 1)), "token means take"),
    ("ridge of nothing", lambda at: ridge(moments(), [1.0]), "hold no tokens"),
    ("ridge of no strength", lambda at: ridge(moments(1, 2), []), "ridge strengths"),
    ("ridge of negative strength", lambda at: ridge(moments(1, 2), [-1.0]), "none negative"),
    ("ridge of infinity", lambda at: ridge(moments(1, float("inf")), [1.0]), "non-finite"),
    ("metric unknown", lambda at: ceiling(PATCHES, ["dise"]), "unknown metric 'dise'"),
    ("rank without ranks", lambda at: spearman(zeros(4), PATCHES), "pixel ranks"),
    (
        "threshold of empty masks",
        lambda at: best_threshold(zeros(1, 4), Patches.of(zeros(1, 4, 4), (2, 2))),
        "non-empty mask",
    ),
    ("shuffling one picture", lambda at: shuffled(zeros(1, 2, 2)), "batch of one picture"),
    ("sums missing", lambda at: load_sums(at.folder / "no.safetensors"), "no readable file of moments"),
    (
        "sums of text",
        lambda at: load_sums(Path(at.file("x" * 99, "s.safetensors"))),
        "no readable file of moments",
    ),
    (
        "sums with a huge header",
        lambda at: load_sums(Path(at.file(b"\xff" * 8 + b"{}", "s.safetensors"))),
        "no readable file of moments",
    ),
    ("sums without parts", lambda at: load_sums(sums_file(at, n=ones(1))), "no readable file of moments"),
    (
        "sums that claim to be larger",
        lambda at: load_sums(
            sums_file(
                at, n=ones(1), mean_x=zeros(200_000), mean_y=ones(1), sxx=ones(1), sxy=ones(1), syy=ones(1)
            )
        ),
        "sxx is",
    ),
    ("probes missing", lambda at: ProbeSet.load(at.folder), "no readable file of probes"),
    (
        "probes without card",
        lambda at: ProbeSet.load(card(at, lambda c: c.clear())),
        "no readable card of probes",
    ),
    (
        "card of other channels",
        lambda at: ProbeSet.load(card(at, lambda c: c["layers"][0].update(channels=9))),
        "finite weights",
    ),
    (
        "card of other probes",
        lambda at: ProbeSet.load(card(at, lambda c: c["probes"].clear())),
        "not in the card",
    ),
    (
        "card with bad names",
        lambda at: ProbeSet.load(card(at, lambda c: c["probes"].update({"a/b": {}}))),
        "no readable card of probes",
    ),
    (
        "card of lists",
        lambda at: ProbeSet.load(card(at, lambda c: c.update(probes=[]))),
        "no readable card of probes",
    ),
    (
        "layer without probe",
        lambda at: ProbeSet.load(card(at, lambda c: None)).probe("depth", "b", 1),
        "no probe of 'depth' at layer b",
    ),
    (
        "property without probe",
        lambda at: ProbeSet.load(card(at, lambda c: None)).best_layer("light"),
        "no property 'light'",
    ),
    (
        "probe of other channels",
        lambda at: ProbeSet.load(card(at, lambda c: None)).probe("depth", "a", 1).apply(ones(2, 5)),
        "reads 3 channels",
    ),
    # tables and folders
    ("table without column", lambda at: make_table(PROMPTS, {"image": ["a"]}), "missing: prompt"),
    (
        "table of other schema",
        lambda at: write_table(at.folder / "t", PROMPTS.empty_table(), SCORES),
        "columns",
    ),
    ("table missing", lambda at: read_table(at.folder / "t", SCORES), "no readable table"),
    (
        "table of text",
        lambda at: read_table(Path(at.file("x" * 50, "t")), SCORES),
        "no readable table",
    ),
    ("folder taken", lambda at: atomic_folder(at.folder).__enter__(), "exists already"),
    ("study nowhere", lambda at: open_study(at.folder), "holds no study"),
    ("study without prompts", broken("prompts.parquet", None), "prompts.parquet"),
    ("study with other prompts", broken("prompts.parquet", b"PAR1"), "contents changed"),
    ("study with seal gone", broken("prompts.parquet.sha256", None), "is missing"),
    ("study with broken config", broken("study.toml", b"]"), "no readable TOML file"),
    ("study with unknown setting", broken("study.toml", b"[model]\nstep = 3\n"), "did you mean 'steps'"),
    ("study twice", lambda at: [study(at), study(at)], "already holds a study"),
    (
        "study in a full folder",
        lambda at: create_study(Path(at.file("x")).parent, parse_config({}, ""), rows()),
        "not empty",
    ),
    (
        "study in a file",
        lambda at: create_study(Path(at.file("x")), parse_config({}, ""), rows()),
        "is a file",
    ),
    ("pictures too few", lambda at: create_study(at.folder, parse_config({}, ""), rows(("a", 1))), "too few"),
    # the command line
    ("no such command", cli("rnu"), "rnu"),
    ("no such option", cli("run", "FOLDER", "--fast"), "--fast"),
    ("option without value", cli("run", "FOLDER", "--workers"), "--workers"),
    ("no workers", lambda at: main(["run", str(study(at)), "--workers", "0"]), "or auto for one a GPU"),
    (
        "workers in words",
        lambda at: main(["run", str(study(at)), "--workers", "two"]),
        "or auto for one a GPU",
    ),
    ("set aside too many", cli("run", "FOLDER", "--max-set-aside", "2"), "--max-set-aside"),
    ("run of nothing", cli("run", "FOLDER"), "holds no study"),
    ("estimate of nothing", cli("estimate", "FOLDER"), "holds no study"),
    ("report of nothing", cli("report", "FOLDER"), "holds no study"),
    ("verify of nothing", cli("verify", "FOLDER"), "holds no study"),
    ("layers of nothing", cli("layers", "FOLDER"), "no model_index.json"),
    ("report too early", lambda at: main(["report", str(study(at))]), "is not finished"),
    ("init without prompts", cli("init", "FOLDER/study"), "--prompts"),
    ("init from nowhere", cli("init", "FOLDER/study", "--prompts", "FOLDER/no.csv"), "no prompts at"),
    ("init with limit zero", init("--limit", "0"), "limit = 0"),
    ("init with too few", init("--limit", "2"), "too few"),
    ("init with layers of nowhere", init("--layers", "up.9.9"), "unknown layer up.9.9"),
    ("init with no layers", init("--layers", ","), "layers"),
    ("init with a bad branch", init("--branches", "neither"), "neither"),
    (
        "init with a negative prompt and no guidance",
        init("--negative-prompt", "a cup", "--guidance-scale", "1"),
        "[model] negative_prompt: no second branch without guidance",
    ),
    ("init with a bad scheduler", init("--scheduler", "fast"), "unknown scheduler fast"),
    ("init with a bad property", init("--set", "labels.properties=deph"), "nearest is depth"),
    ("init with a bad estimator", init("--estimator", "midas?"), "no estimator"),
    ("init with a bad model", init("--model", "./nowhere"), "no folder"),
    ("init with a bad device", init("--device", "abacus"), "device abacus"),
    ("init with a bad share", init("--set", "split.fit=0.9"), "add up to 1"),
    ("init with a bad strength", init("--set", "probes.strengths=1,-2"), "strengths"),
    ("init with a setting of nowhere", init("--set", "run.batch=2"), "did you mean 'batch_size'"),
    ("init with a setting of no section", init("--set", "batch_size=2"), "give section.key=value"),
    ("init with a bad control", init("--controls", "latent"), "did you mean 'latents'"),
    ("variance of nothing", cli("variance", "FOLDER"), "holds no study"),
    ("variance of one prompt", cli("variance", "FOLDER", "--prompts", "1"), "--prompts"),
    ("variance of no seeds", cli("variance", "FOLDER", "--seeds", "0"), "--seeds"),
    ("shorten nothing", cli("shorten", "FOLDER"), "holds no study"),
    ("shorten one picture", cli("shorten", "FOLDER", "--pictures", "1"), "--pictures"),
    ("shorten too early", lambda at: shorten(open_study(study(at))), "is not finished"),
    ("export nothing", cli("export", "FOLDER", "FOLDER/out"), "holds no study"),
    ("export to nowhere", cli("export", "FOLDER", ""), "OUT is empty"),
    ("export too early", lambda at: export(open_study(study(at)), at.folder / "out"), "is not finished"),
    ("variance too early", lambda at: variance(open_study(study(at))), "is not finished"),
    ("look at nothing", cli("look", "FOLDER", "FOLDER/no.png"), "holds no study"),
    ("look to no picture", cli("look", "FOLDER", "FOLDER/no.png", "--out", "lk"), "give one, such as lk.png"),
    ("init with a bad type", init("--set", "model.dtype=float8"), "dtype"),
]


@pytest.mark.parametrize(("act", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_is_one_line(
    act: Callable[[Place], Any],
    message: str,
    model: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = Place(tmp_path, model)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises((UnderpaintingError, SystemExit)) as caught:
        act(place)
    if isinstance(caught.value, SystemExit):
        shown = capsys.readouterr()
        assert (caught.value.code, shown.out) == (2, "")
        line = shown.err.removesuffix("\n")
    else:
        line = str(caught.value)
    assert "\n" not in line and "Traceback" not in line and message in line
    assert len(line) < 600
    assert all(path.read_bytes() == content for path, content in before.items())


def test_there_are_a_hundred_of_them() -> None:
    assert len({case[0] for case in CASES}) >= 100
