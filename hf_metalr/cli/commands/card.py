"""`hf-metalr card`: the model card of an output folder, built anew."""

import argparse
import json
from pathlib import Path

from hf_metalr.cli.command import Command
from hf_metalr.processes import process_index

DESCRIPTION = """\
Build the model card of a folder that MetaLRTrainer wrote, from its
metalr.json, and print it.

--write puts it into the folder as README.md, with a new figure if there is
a history and matplotlib. An old card keeps its title, licence, languages and
tags; the rest of its text is replaced.
"""
EXAMPLES = """\
  look at the card
    hf-metalr card ./my-model

  name the data, so that the metrics become machine-readable, and write it
    hf-metalr card ./my-model --dataset-name PneumoniaMNIST \\
        --license mit --write

  what was learned, for a program
    hf-metalr card ./my-model --json
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="output folder of a run, with metalr.json")
    parser.add_argument("--write", action="store_true", help="write README.md and the figure into the folder")
    parser.add_argument("--json", action="store_true", help="print metadata, text and learned rates as JSON")
    facts = parser.add_argument_group(
        "facts that the folder does not know", "With --write all but --repo-id are kept there."
    )
    facts.add_argument("--model-name", metavar="NAME", help="title of the card")
    facts.add_argument("--dataset-name", metavar="NAME", help="what the training data are called")
    facts.add_argument("--dataset", metavar="USER/NAME", help="Hub id of the training data")
    facts.add_argument("--base-model", metavar="USER/NAME", help="Hub id of the pre-trained model")
    facts.add_argument("--license", metavar="ID", help="licence id of the Hub, such as mit")
    facts.add_argument("--repo-id", metavar="USER/NAME", help="where the model is on the Hub, for the code to load it")


def run(options: argparse.Namespace) -> str:
    """Build the card, write it if asked to, and return it."""
    from hf_metalr.hub.rebuild import rebuilt_card

    card, rates = rebuilt_card(
        options.folder,
        write=options.write and process_index() == 0,
        model_name=options.model_name,
        license=options.license,
        repo_id=options.repo_id,
        dataset=options.dataset,
        dataset_name=options.dataset_name,
        base_model=options.base_model,
    )
    if options.json:
        content = {"metadata": card.data.to_dict(), "text": card.text, "learned_rates": rates.to_dict()}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return str(card).rstrip("\n")


COMMAND = Command("the model card of an output folder, built anew", DESCRIPTION, EXAMPLES, add_options, run)
