"""What the demo tells of its runs: the plain rate that validation chooses, a table, a picture and a model card."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.hub.card import card_facts
from hf_metalr.model_card import build_model_card
from hf_metalr.plotting.canvas import BODY_COLOUR, HEAD_COLOUR, SMALL
from hf_metalr.plotting.rate_axis import format_rate

METRICS = {"balanced_accuracy": "bal. acc.", "auroc": "AUROC", "accuracy": "accuracy"}
METALR = "MetaLR, no rate"
Results = Mapping[str, Mapping[str, Mapping[str, float]]]  # run -> split -> metric -> value
Rates = Mapping[str, float]  # plain run -> its learning rate, from low to high


def choose_plain(results: Results, rates: Rates) -> str:
    """Return the plain run with the best balanced accuracy on validation; of equal ones that with the lowest rate."""
    return max(rates, key=lambda run: (results[run]["validation"]["balanced_accuracy"], -rates[run]))


def print_table(results: Results, chosen: str) -> None:
    """Print one line per run with the metrics of both splits."""
    columns = [(split, name) for split in ("validation", "test") for name in METRICS]
    print("\n" + " " * 22 + "".join(f"{split:<33}" for split in ("validation", "test")).rstrip())
    print(" " * 22 + "".join(f"{METRICS[name]:<11}" for _, name in columns).rstrip())
    for run, splits in results.items():
        values = "".join(f"{splits[split][name]:<11.3f}" for split, name in columns)
        print(f"{run + (' *' if run == chosen else ''):<22}{values.rstrip()}")
    print("* the plain rate that balanced accuracy on validation chooses, of those tried")


def plot_accuracy(results: Results, rates: Rates, chosen: str) -> Figure:
    """Draw balanced accuracy against the stated rate, one panel per split; MetaLR, which was told none, is level."""
    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    for axes, split in zip(figure.subplots(1, 2, sharey=True), ("validation", "test"), strict=True):
        accuracy = {run: splits[split]["balanced_accuracy"] for run, splits in results.items()}
        plain = [accuracy[run] for run in rates]
        axes.plot(list(rates.values()), plain, "o-", color=BODY_COLOUR, label="plain Trainer")
        ring = {"markersize": 12, "markerfacecolor": "none", "color": BODY_COLOUR, "label": "chosen on validation"}
        axes.plot(rates[chosen], accuracy[chosen], "o", linestyle="none", **ring)
        axes.axhline(accuracy[METALR], color=HEAD_COLOUR, label=METALR)
        axes.set_xscale("log")
        axes.set_xticks(list(rates.values()), [format_rate(lr) for lr in rates.values()], fontsize=SMALL)
        axes.minorticks_off()
        axes.set_title(split, fontsize=10)
        axes.set_xlabel("learning rate that was stated")
        axes.grid(axis="y", color="#DDDDDD")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("balanced accuracy")
    figure.axes[0].legend(fontsize=SMALL, loc="best")
    return figure


def write_card(folder: Path, train_size: int, results: Results, chosen: str) -> Path:
    """Write the model card beside the saved model and its `metalr.json`, and return its path."""
    plain = ", ".join(f"{label} {results[chosen]['test'][name]:.3f}" for name, label in METRICS.items())
    facts = card_facts(
        LearnedRates.load(folder / LEARNED_RATES_NAME),
        model_name="MobileNetV2 for PneumoniaMNIST",
        figure_file="learned_rates.png",
        license="mit",
    )
    facts = replace(
        facts,
        base_model_text="Started from MobileNetV2 1.0 of ImageNet, its last layers tuned on 19 dog breeds.",
        dataset_name="PneumoniaMNIST",
        dataset_text=f"Trained on {train_size} of the 4708 training images, class-stratified. {facts.dataset_text}",
        results=results[METALR],
        remarks=f"Plain fine-tuning at the rate that validation chooses of {len(results) - 2} ({chosen}), with the "
        f"same steps and seed, on the test split: {plain}. "
        "One run each: differences of a few hundredths are noise. Not for clinical use.",
    )
    path = folder / "README.md"
    build_model_card(facts).save(path)
    return path
