"""What is pushed to a Hub of our own and loaded from it; `test_hub.py` runs this in a process that was never offline.

By hand: `HF_METALR_HUB_CASES=1 pytest tests/hub/cases.py`.
"""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForSequenceClassification, BertTokenizer, ViTImageProcessor

from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.loading import read_config
from hf_metalr.trainer import publication, warm_start
from tests.hub.loopback import HOME, IMAGES, PUBLIC, TOKEN, card, files, hub, trained
from tests.trainer.tiny import Images, Texts, make_bert, make_trainer, make_vit

pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # huggingface_hub's own upload
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),  # from PEFT
]


@pytest.mark.parametrize("mode", ["lfs", "regular"])
def test_what_was_pushed_answers_as_what_was_trained(folder, mode):
    hub.mode = mode
    trainer = trained(folder, processing_class=ViTImageProcessor(size={"height": 16, "width": 16}))
    trainer.push_to_hub()
    assert set(files()) == PUBLIC | {"preprocessor_config.json"}
    assert bool(hub.objects) == (mode == "lfs")
    with torch.no_grad():
        assert torch.equal(loaded_as_the_card_says()(IMAGES).logits, trainer.model.eval()(IMAGES).logits)


def loaded_as_the_card_says(**names):
    text = ModelCard.load("alice/scans").text
    scope = dict(names)
    exec(text.split("## How to load it")[1].split("```python\n")[1].split("```")[0], scope)
    return scope["model"].eval()


@pytest.mark.parametrize("mode", ["lfs", "regular"])
def test_a_second_push_of_the_same_makes_no_commit(folder, mode):
    hub.mode = mode
    trainer = trained(folder)
    first = trainer.push_to_hub()
    second = trainer.push_to_hub()
    assert len(hub.repos["alice/scans"].commits) == 1
    assert first.oid == second.oid
    trainer.push_to_hub(license="mit")  # something did change
    assert len(hub.repos["alice/scans"].commits) == 2


def forbidden() -> list[bytes]:
    return [text.encode() for text in (TOKEN, HOME, Path(HOME).name)]


def test_nothing_secret_is_uploaded(folder):
    (folder / "runs").mkdir(parents=True)
    (folder / "runs" / "events.out").write_text(f"{HOME} on ward-7")
    (folder / "splits.json").write_text('["patient-17.png"]')
    (folder / ".env").write_text(TOKEN)
    (folder / "labels.txt").write_text("what the user puts there is uploaded")
    make_vit().save_pretrained(folder / "_base")
    model = type(make_vit()).from_pretrained(folder / "_base")
    trainer = trained(folder, model, hub_token=TOKEN, init_lrs=rates_of_a_local_run(folder))
    trainer.save_state()
    trainer.push_to_hub()
    assert HOME in (folder / "training_args.bin").read_bytes().decode("latin-1")  # so this test can fail
    everything = b"".join([*hub.received, *files().values()])
    for text in [*forbidden(), b"patient-17", b"ward-7"]:
        assert text not in everything
    assert set(files()) == PUBLIC | {"labels.txt"}


def rates_of_a_local_run(folder) -> str:
    trained(folder / "_before")
    return str(folder / "_before")


@pytest.mark.parametrize("strategy", ["every_save", "checkpoint"])
def test_pushes_during_training_hold_no_secret_either(folder, strategy):
    saving = {"save_strategy": "steps", "save_steps": 3, "hub_always_push": True}
    trainer = trained(folder, push_to_hub=True, hub_token=TOKEN, hub_strategy=strategy, **saving)
    trainer._finish_current_push()
    pushed = set(files())
    assert {"model.safetensors", "config.json"} <= pushed
    assert "metalr_history.jsonl" not in pushed  # it grows while an upload goes on
    assert any(name.startswith("last-checkpoint/optimizer") for name in pushed) == (strategy == "checkpoint")
    of_model = [text for text in hub.repos["alice/scans"].commits if "checkpoint" not in text]
    assert list(dict.fromkeys(of_model)) == ["Training in progress, step 3", "Training in progress, step 6"]
    everything = b"".join([*hub.received, *files().values()])
    assert TOKEN.encode() not in everything
    assert not [name for name in pushed if name.endswith("training_args.bin")]
    for name in pushed - {"last-checkpoint/trainer_state.json"}:
        assert HOME.encode() not in files()[name], name


def test_the_card_on_the_hub_says_how_to_load_and_what_was_learned(folder):
    trainer = trained(folder, eval_dataset=Images(7), eval_strategy="epoch")
    trainer.push_to_hub(dataset="Scans", dataset_tags="alice/scans-data", license="mit", tags="medical")
    data, text = card(), files()["README.md"].decode()
    assert data["library_name"] == "transformers"
    assert {"metalr", "medical"} <= set(data["tags"])
    assert data["license"] == "mit"
    assert data["datasets"] == ["alice/scans-data"]
    (parsed,) = ModelCard.load("alice/scans").data.eval_results  # it raises where the model-index is not sound
    assert (parsed.task_type, parsed.dataset_type, parsed.dataset_split) == (
        "image-classification",
        "alice/scans-data",
        "evaluation",
    )
    ((result,),) = (model["results"] for model in data["model-index"])
    assert result["dataset"]["name"] == "Scans"
    assert result["metrics"][0]["value"] == trainer.state.log_history[-2]["eval_loss"]
    assert 'AutoModelForImageClassification.from_pretrained("alice/scans")' in text
    for name, lr in trainer.learning_rates.items():
        assert f"| `{name}` | 1.00e-03 | {lr:.2e} |" in text
    assert files()["learned_rates.png"].startswith(b"\x89PNG")


def an_adapter(base):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3, ignore_mismatched_sizes=True)
    return peft.get_peft_model(model, config)


def test_an_adapter_is_pushed_and_loaded_as_the_card_says(folder):
    make_bert(num_labels=5).push_to_hub("alice/base")  # the head of the base is another
    trainer = trained(folder, an_adapter("alice/base"), Texts(48))
    trainer.push_to_hub()
    assert (card()["library_name"], card()["base_model"]) == ("peft", "alice/base")
    assert {"metalr", "lora", "base_model:adapter:alice/base"} <= set(card()["tags"])
    assert json.loads(files()["adapter_config.json"])["base_model_name_or_path"] == "alice/base"
    tokens = Texts(4).tokens
    with torch.no_grad():
        assert torch.equal(loaded_as_the_card_says()(tokens).logits, trainer.model.eval()(tokens).logits)
    with pytest.raises(ValueError, match="'alice/scans' is a PEFT adapter for 'alice/base', no model by itself"):
        read_config("alice/scans", trust_remote_code=False)


@pytest.mark.parametrize("known", [None, "alice/base"])
def test_an_adapter_of_a_local_base_does_not_tell_where_that_is(folder, monkeypatch, known):
    said: list[str] = []
    monkeypatch.setattr(publication.logger, "warning", said.append)
    make_bert().save_pretrained(folder / "_base")
    saving = {"save_strategy": "steps", "save_steps": 3, "hub_always_push": True, "push_to_hub": True}
    trainer = trained(folder, an_adapter(folder / "_base"), Texts(48), hub_strategy="checkpoint", **saving)
    trainer._finish_current_push()
    trainer.push_to_hub(finetuned_from=known)
    assert len(said) == (known is None)
    assert "_base', which only you have; the path is not uploaded" in "".join(said) or known
    assert {"last-checkpoint/adapter_config.json", "last-checkpoint/optimizer.pt"} <= set(files())
    sent = [*hub.received, *files().values()]  # also what was replaced later
    assert not [content for content in sent if any(text in content for text in forbidden())]
    config = json.loads(files()["adapter_config.json"])
    assert config["base_model_name_or_path"] == known
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == str(folder / "_base")
    if known is None:
        assert 'from_pretrained("the/base-model", num_labels=3' in files()["README.md"].decode()
        peft = pytest.importorskip("peft")
        base = AutoModelForSequenceClassification.from_pretrained(folder / "_base")
        loaded, tokens = peft.PeftModel.from_pretrained(base, "alice/scans").eval(), Texts(4).tokens
        with torch.no_grad():
            assert torch.equal(loaded(tokens).logits, trainer.model.eval()(tokens).logits)


def test_a_tokenizer_does_not_tell_where_it_came_from(folder):
    (folder / "_words").mkdir(parents=True)
    (folder / "_words" / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]))
    BertTokenizer(str(folder / "_words" / "vocab.txt")).save_pretrained(folder / "_words")
    tokenizer = BertTokenizer.from_pretrained(folder / "_words")
    trained(folder, make_bert(), Texts(48), processing_class=tokenizer).push_to_hub()
    assert {"tokenizer_config.json", "tokenizer.json"} <= set(files())
    assert not [name for name in files() if any(text in files()[name] for text in forbidden())]


class PlainNet(torch.nn.Module):
    def __init__(self, *_: object) -> None:  # the card writes PlainNet(...)
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.head = torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(4, 3)

    def forward(self, pixel_values, labels=None):
        logits = self.head(self.stem(pixel_values).mean((2, 3)))
        return (torch.nn.functional.cross_entropy(logits, labels), logits) if labels is not None else (logits,)


def test_a_plain_module_is_pushed_and_loaded_as_the_card_says(folder):
    trainer = trained(folder, PlainNet())
    trainer.push_to_hub()
    assert "library_name" not in card()
    with torch.no_grad():
        assert torch.equal(loaded_as_the_card_says(PlainNet=PlainNet)(IMAGES)[0], trainer.model(IMAGES)[0])


def test_rates_learned_by_others_are_where_a_run_starts(folder, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(warm_start.logger, "warning", said.append)
    trained(folder, max_steps=12).push_to_hub()
    learned = LearnedRates.load(folder / LEARNED_RATES_NAME)
    second = make_trainer(folder / "second", make_vit(), init_lrs="alice/scans", learning_rate=5e-3)
    second.create_optimizer_and_scheduler(4)
    assert second.learning_rates == {group.name: group.late_lr for group in learned.layer_groups}
    assert said == []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.requests.clear()
    offline = make_trainer(folder / "third", make_vit(), init_lrs="alice/scans")
    offline.create_optimizer_and_scheduler(4)
    assert offline.learning_rates == second.learning_rates
    assert hub.requests == []
