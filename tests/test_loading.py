"""Sources that are no model by themselves, told by what they are."""

import json

import pytest
from transformers import AutoModelForImageClassification

from hf_metalr.loading import first_line, read_config
from tests.trainer.tiny import make_vit


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT
def test_an_adapter_is_told_with_the_model_it_is_for(tmp_path):
    peft = pytest.importorskip("peft")
    make_vit().save_pretrained(tmp_path / "base")
    base = AutoModelForImageClassification.from_pretrained(tmp_path / "base")
    folder = tmp_path / "adapter"
    peft.get_peft_model(base, peft.LoraConfig(target_modules=["fc1"], r=2)).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"^`models`: '.*adapter' is a PEFT adapter for '.*base', no model by itself"):
        read_config(str(folder), False, "`models`:")
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": None}))
    with pytest.raises(ValueError, match=r"^The model '.*adapter' is a PEFT adapter for another model, no model"):
        read_config(str(folder), False)


TOO_LARGE = json.dumps({"base_model_name_or_path": "a" * 2**20})


@pytest.mark.parametrize("content", [None, "[]", "{", TOO_LARGE], ids=["none", "list", "broken", "too large"])
def test_what_is_no_model_and_no_readable_adapter(tmp_path, content):
    if content is not None:
        (tmp_path / "adapter_config.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"^The model '.*' is neither a folder with a model nor a Hub model within reach"
    ):
        read_config(str(tmp_path), False)


def test_the_first_line_of_an_error():
    assert [first_line(ValueError(text)) for text in ("", "\na\nb", "c")] == ["", "a", "c"]
