"""Adapters of PEFT, on whole and on quantized weights."""

from pathlib import Path
from typing import Any

import pytest
from transformers import BertForSequenceClassification, BitsAndBytesConfig, set_seed

from tests.trainer.tiny import ESTIMATORS, Texts, assert_equal_weights, assert_learned, make_bert, make_trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_lora_trains_saves_and_resumes(tmp_path: Path, estimator: str) -> None:
    peft = pytest.importorskip("peft")

    def make_lora() -> Any:
        set_seed(0)
        return peft.get_peft_model(
            make_bert(), peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
        )

    method = {"meta_estimator": estimator, "lr_update": "log_adam", "trust_region": True}
    settings = method | {"save_strategy": "steps", "save_steps": 3}
    straight = make_trainer(tmp_path, make_lora(), Texts(48), **settings)
    straight.train()
    assert_learned(straight)
    assert set(straight.learning_rates) == {"layer.0", "layer.1", "head"}
    resumed = make_trainer(tmp_path / "again", make_lora(), Texts(48), **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert resumed.learning_rates == straight.learning_rates
    assert_equal_weights(straight.model, resumed.model)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_lora_on_weights_in_4_bit_trains(tmp_path: Path, estimator: str) -> None:
    peft = pytest.importorskip("peft")
    pytest.importorskip("bitsandbytes")
    make_bert().save_pretrained(tmp_path / "model")
    four_bit = BitsAndBytesConfig(load_in_4bit=True, llm_int8_skip_modules=["classifier"])
    quantized = BertForSequenceClassification.from_pretrained(tmp_path / "model", quantization_config=four_bit)
    prepared = peft.prepare_model_for_kbit_training(quantized, use_gradient_checkpointing=False)
    lora = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
    model = peft.get_peft_model(prepared, lora)
    assert "Linear4bit" in {type(module).__name__ for module in model.modules()}
    trainer = make_trainer(tmp_path, model, Texts(48), meta_estimator=estimator, lr_update="log_adam")
    trainer.train()
    assert set(trainer.learning_rates) == {"layer.0", "layer.1", "head"}
    assert_learned(trainer)
