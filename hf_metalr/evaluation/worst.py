"""The rows that a model gets most wrong, and what they look like."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hf_metalr.data.images.masks import IGNORED, class_map
from hf_metalr.evaluation.answers import Answers, checked_mask, mask_numbers
from hf_metalr.evaluation.rows import Chosen
from hf_metalr.inference.masks import crop_of
from hf_metalr.inference.rows import class_map_of
from hf_metalr.inference.served import Served
from hf_metalr.inference.stream import stream_answers

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 224  # pixels of a picture
TRUTH, ANSWER = (0, 158, 115), (213, 94, 0)  # bluish green and vermilion of Okabe and Ito: for any colour vision
_LONGEST = 400  # letters of a text


def worst_errors(answers: Answers, chosen: Chosen, most: int) -> list[dict[str, Any]]:
    """Return the worst errors, the worst first: row, file, truth, answer, and by how much.

    Of a classification wrong answers alone, by the probability of the truth; of several labels by the mean log-loss; of
    a regression by the error; of a segmentation by the mean Dice over the classes but the first.
    """
    order, details = _ordered(answers)
    files = chosen.files
    return [{"row": int(chosen.rows[place]), "file": files[place]} | details(place) for place in order[:most]]


def _ordered(answers: Answers) -> tuple[list[int], Any]:
    names, task = answers.names, answers.task.name
    if task == "regression":
        errors = answers.answers - answers.truth
        return np.argsort(-np.abs(errors), kind="stable").tolist(), lambda place: {
            "truth": float(answers.truth[place]),
            "prediction": float(answers.answers[place]),
            "error": float(errors[place]),
        }
    if task == "segmentation":
        dice = answers.scores().by_image()
        with np.errstate(invalid="ignore"):
            known = np.isfinite(dice[:, 1:])
            means = np.where(
                known.any(axis=1), np.nansum(dice[:, 1:], axis=1) / np.maximum(1, known.sum(axis=1)), np.inf
            )
        return [int(p) for p in np.argsort(means, kind="stable") if np.isfinite(means[p])], lambda place: {
            "mean_dice_foreground": float(means[place]),
            "dice": {name: float(value) for name, value in zip(names, dice[place], strict=True)},
        }
    found = answers.probabilities
    if task == "classification":
        given, true = answers.answers, found[np.arange(len(found)), answers.truth]
        wrong = np.flatnonzero(given != answers.truth)
        return wrong[np.argsort(true[wrong], kind="stable")].tolist(), lambda place: {
            "truth": names[int(answers.truth[place])],
            "prediction": names[int(given[place])],
            "p_truth": float(true[place]),
            "p_prediction": float(found[place].max()),
        }
    loss = np.logaddexp(0, np.where(answers.truth == 1, -answers.logits, answers.logits)).mean(axis=1)
    wrong = np.flatnonzero((answers.answers != answers.truth).any(axis=1))
    return wrong[np.argsort(-loss[wrong], kind="stable")].tolist(), lambda place: {
        "truth": [name for name, has in zip(names, answers.truth[place], strict=True) if has],
        "prediction": [name for name, has in zip(names, answers.answers[place], strict=True) if has],
        "log_loss": float(loss[place]),
    }


def caption(error: dict[str, Any]) -> str:
    """Return what stands below the picture or text of an error."""
    if "mean_dice_foreground" in error:
        return f"Dice {error['mean_dice_foreground']:.2f}"
    if "error" in error:
        return f"{error['truth']:.4g}, answered {error['prediction']:.4g}"
    if "p_truth" in error:
        return f"{error['truth']}, answered {error['prediction']} ({error['p_prediction']:.0%})"
    return f"{_listed(error['truth'])}, answered {_listed(error['prediction'])}"


def pictures(served: Served, chosen: Chosen, errors: list[dict[str, Any]]) -> "list[Image]":
    """Return a small picture of the image of every error; of a segmentation with the outlines of mask and answer."""
    if served.task.name == "segmentation":
        return _overlays(served, chosen, errors)
    found = []
    for error in errors:
        image = chosen.data.inputs([error["row"]])[0][0].convert("RGB")
        found.append(image.resize(_fitting(image.size)))
    return found


def texts(chosen: Chosen, errors: list[dict[str, Any]]) -> list[str]:
    """Return the text, or pair of texts, of every error, cut to a few lines."""
    found = []
    for error in errors:
        whole = " | ".join(column[0] for column in chosen.data.inputs([error["row"]]))
        found.append(whole if len(whole) <= _LONGEST else whole[: _LONGEST - 1] + "…")
    return found


def _overlays(served: Served, chosen: Chosen, errors: list[dict[str, Any]]) -> "list[Image]":
    from PIL import Image

    rows = [error["row"] for error in errors]
    if not rows:
        return []
    numbers = mask_numbers(served, chosen.data)
    found = []

    def read(row: int) -> tuple[Any, ...]:
        return (chosen.data.inputs([row])[0][0],)

    for (answer,) in stream_answers(served, read, rows, 1):
        image = chosen.data.inputs([answer.row])[0][0].convert("RGB")
        truth = class_map(checked_mask(chosen.data, answer.row, image), numbers)
        assert answer.logits is not None
        assert answer.size is not None
        given = class_map_of(answer.logits, answer.size, crop_of(served, answer.size))
        size = _fitting(image.size)
        pixels = np.array(image.resize(size))
        for classes, colour in ((truth, TRUTH), (given, ANSWER)):
            small = np.array(Image.fromarray(classes).resize(size, Image.Resampling.NEAREST))
            pixels[_outline(small)] = colour
        found.append(Image.fromarray(pixels))
    return found


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which an image fills a picture; small ones are enlarged."""
    scale = SIDE / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _outline(classes: np.ndarray) -> np.ndarray:
    """Return the pixels at which a class map changes to the right or below."""
    edge = np.zeros(classes.shape, dtype=bool)
    edge[:, :-1] |= classes[:, :-1] != classes[:, 1:]
    edge[:-1] |= classes[:-1] != classes[1:]
    return edge & (classes != IGNORED)


def contact_sheet(images: "list[Image]", captions: list[str], columns: int = 4) -> "Image":
    """Return all pictures on one sheet, each above its caption."""
    from PIL import Image, ImageDraw

    margin, line = 8, 16
    rows = -(-len(images) // columns)
    cell, height = SIDE + margin, SIDE + 2 * line + margin
    sheet = Image.new("RGB", (columns * cell + margin, rows * height + margin), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (image, words) in enumerate(zip(images, captions, strict=True)):
        left, top = margin + place % columns * cell, margin + place // columns * height
        sheet.paste(image, (left, top))
        draw.multiline_text((left, top + SIDE + 2), _wrapped(words, 36), fill="black")
    return sheet


def _wrapped(words: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(words, width)[:2])


def _listed(names: list[str]) -> str:
    return " + ".join(names) or "none"
