"""The mixin makes other trainers learn their rates."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pytest
from transformers import (
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
    set_seed,
)

from hf_metalr import MetaLRMixin, MetaLRTrainingArguments
from tests.trainer.tiny import ESTIMATORS, assert_learned, language, make_gpt2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_mixin_makes_a_seq2seq_trainer_learn_rates(tmp_path: Path, estimator: str) -> None:
    @dataclass
    class Arguments(MetaLRTrainingArguments, Seq2SeqTrainingArguments):
        pass

    class MetaLRSeq2SeqTrainer(MetaLRMixin, Seq2SeqTrainer):
        pass

    set_seed(0)
    config = T5Config(vocab_size=30, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0)
    args = Arguments(
        output_dir=str(tmp_path),
        meta_estimator=estimator,
        lr_update="log_adam",
        max_steps=4,
        learning_rate=1.5e-4,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        predict_with_generate=True,
        dataloader_pin_memory=False,
    )
    trainer = MetaLRSeq2SeqTrainer(
        model=T5ForConditionalGeneration(config), args=args, train_dataset=language(), eval_dataset=language(4)
    )
    trainer.train()
    assert_learned(trainer)
    assert math.isfinite(trainer.evaluate(max_length=5)["eval_loss"])


def make_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<eos>", "<unk>", *(f"w{i}" for i in range(27))]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", model_max_length=16
    )


@pytest.mark.filterwarnings("ignore")  # TRL's own
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_mixin_makes_an_sft_trainer_learn_rates(tmp_path: Path, estimator: str) -> None:
    trl = pytest.importorskip("trl")

    @dataclass
    class Arguments(MetaLRTrainingArguments, trl.SFTConfig):
        pass

    class MetaLRSFTTrainer(MetaLRMixin, trl.SFTTrainer):
        pass

    texts = datasets.Dataset.from_dict({"text": [f"w{i % 5} w{i % 7} w{i % 3} w{i % 11}" for i in range(32)]})

    def train(estimator: str) -> Any:
        args = Arguments(
            output_dir=str(tmp_path / estimator),
            meta_estimator=estimator,
            lr_update="log_adam",
            lr_scheduler_type="constant",
            max_steps=4,
            learning_rate=1.5e-5,
            logging_steps=1,
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
            dataloader_pin_memory=False,
        )
        trainer = MetaLRSFTTrainer(model=make_gpt2(), args=args, train_dataset=texts, processing_class=make_tokenizer())
        trainer.train()
        return trainer

    learned = train(estimator)
    assert_learned(learned)
    # tokens of meta batches are not counted as training tokens
    counts = [[row.get("num_tokens") for row in t.state.log_history] for t in (learned, train("off"))]
    assert counts[0] == counts[1]
    assert counts[0][0] > 0
