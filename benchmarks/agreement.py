"""How well scores agree with fine-tuning: rank correlation, random twins, and what a wrong pick costs."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import weightedtau

Truth = dict[str, dict[str, float]]  # data set -> network -> test balanced accuracy
Numbers = dict[str, dict[str, dict[str, float]]]  # data set -> score -> network -> value
TWIN = " (random)"
# A difference in test balanced accuracy that one seed and a few hundred test images can show.
CLEAR = 0.05
DRAWS = 2000


def agreement(
    truth: Truth, values: Numbers, name: str, networks: Callable[[str], bool], draws: int = DRAWS
) -> tuple[float, float, float]:
    """Return the mean over data sets of Kendall's weighted τ with the truth, and its 95 % interval.

    The bootstrap draws data sets, and networks within each, with replacement: both were chosen, and few.
    """
    pairs = []
    for dataset, of_networks in truth.items():
        kept = [network for network in of_networks if networks(network)]
        pairs.append(np.array([(of_networks[network], values[dataset][name][network]) for network in kept]))
    random = np.random.default_rng(0)
    means = []
    for _ in range(draws):
        sets = [pairs[index] for index in random.integers(len(pairs), size=len(pairs))]
        means.append(_mean([_tau(pair[random.integers(len(pair), size=len(pair))]) for pair in sets]))
    known = [mean for mean in means if np.isfinite(mean)] or [float("nan")]
    return _mean([_tau(pair) for pair in pairs]), *np.quantile(known, [0.025, 0.975]).tolist()


def _mean(taus: Sequence[float]) -> float:
    """Of those that are defined; NaN for none."""
    known = [tau for tau in taus if np.isfinite(tau)]
    return sum(known) / len(known) if known else float("nan")


def _tau(pair: np.ndarray) -> float:
    if len(np.unique(pair[:, 0])) < 2:
        return float("nan")
    if len(np.unique(pair[:, 1])) < 2:
        return 0.0  # a score that tells nothing apart
    return float(weightedtau(pair[:, 0], pair[:, 1]).statistic)


def twins(truth: Truth, values: Numbers, name: str) -> str:
    """Count the pairs whose fine-tuned results differ clearly, and in how many of them the score says the same."""
    right = total = 0
    for dataset, of_networks in truth.items():
        for network, result in of_networks.items():
            gain = result - of_networks.get(network + TWIN, np.nan)
            if abs(gain) > CLEAR:
                scores = values[dataset][name]
                total += 1
                right += (scores[network] - scores[network + TWIN]) * gain > 0
    return f"{right} of {total}"


def regret(truth: Truth, values: Numbers, name: str) -> float:
    """Return what is lost on average by fine-tuning the pre-trained network that the score puts first."""
    losses = []
    for dataset, of_networks in truth.items():
        trained = [network for network in of_networks if not network.endswith(TWIN)]
        pick = max(trained, key=lambda network: values[dataset][name][network])
        losses.append(max(of_networks[network] for network in trained) - of_networks[pick])
    return float(np.mean(losses))
