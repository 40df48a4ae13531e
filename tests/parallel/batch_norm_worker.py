"""One process of a fine-tune with batch norms, which keeps its best model; `torchrun` starts several processes.

Usage: batch_norm_worker.py OUTPUT_DIR. Writes the model to OUTPUT_DIR and `rank-R.json` beside it.
"""

import json
import os
import sys
from pathlib import Path

os.environ["ACCELERATE_USE_CPU"] = "true"

import torch

torch.set_num_threads(1)

from transformers import ResNetConfig, ResNetForImageClassification, set_seed

from tests.trainer.tiny import Images, make_trainer

EVALUATION = 32  # divisible by the batches of one and of two processes: no sample is counted twice


def main(folder: Path) -> None:
    set_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", num_labels=3)
    trainer = make_trainer(
        folder,
        ResNetForImageClassification(config),
        Images(32, seed=1),
        eval_dataset=Images(EVALUATION, seed=5),
        max_steps=-1,
        num_train_epochs=4,
        per_device_eval_batch_size=8,
        learning_rate=1e-2,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
    )
    trainer.train()
    best = trainer.state.best_global_step
    recorded = next(row["eval_loss"] for row in trainer.state.log_history if row["step"] == best and "eval_loss" in row)
    again = trainer.evaluate()["eval_loss"]
    predicted = trainer.predict(trainer.eval_dataset).predictions.tolist()
    trainer.save_model()
    result = {
        "world_size": trainer.args.world_size,
        "backend_world_size": torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1,
        "recorded": recorded,
        "again": again,
        "predicted": predicted,
    }
    (folder / f"rank-{trainer.args.process_index}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    from hf_metalr.processes import end_process_group

    main(Path(sys.argv[1]))
    end_process_group()
