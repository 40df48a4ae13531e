"""Parallel forms that are refused, and `DataParallel`. DDP and FSDP2 run on real processes in `tests/parallel`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import nn
from transformers import Trainer

from hf_metalr.trainer.parallelism import require_supported_parallelism
from tests.parallel.launch import ROOT
from tests.patience import HANGS
from tests.trainer.tiny import ESTIMATORS, arguments, assert_learned, make_trainer, make_vit


@pytest.mark.parametrize("form", ["tp", "cp", "sp"])
def test_processes_that_share_one_replica_are_refused(tmp_path: Path, form: str) -> None:
    # catches: meta batches that differ between the processes of one replica
    parallelism = pytest.importorskip("accelerate.parallelism_config", reason="not in this accelerate")
    trainer = make_trainer(tmp_path)
    trainer.accelerator.state.parallelism_config = parallelism.ParallelismConfig(**{f"{form}_size": 2})
    with pytest.raises(ValueError, match=r"parallelism over 2 processes is not supported.*meta_estimator='off'"):
        require_supported_parallelism(trainer)


def test_processes_of_a_launch_are_connected_or_refused(tmp_path: Path) -> None:
    # catches: processes without GPUs that accelerate left unconnected, each writing over the files of the others
    script = tmp_path / "train.py"
    script.write_text(
        "from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments\n"
        "from tests.trainer.tiny import Images, make_vit\n"
        "trainer = MetaLRTrainer(make_vit(), MetaLRTrainingArguments('out'), train_dataset=Images(4))\n"
        "print(trainer.args.world_size, flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("ACCELERATE_USE_CPU", None)  # tests set it, users do not
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(script)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=HANGS, check=False
    )
    refused = done.returncode != 0 and "is of 2 processes (WORLD_SIZE), but this one trains alone" in done.stderr
    connected = done.stdout.split() == ["2", "2"]  # as accelerate 1.3 does by itself
    assert refused or connected, done.stdout + done.stderr


@pytest.mark.parametrize("version", [1, 2])
def test_only_fsdp2_is_supported(tmp_path: Path, version: int) -> None:
    # accelerate makes no FSDP run without an accelerator, so the plug-in is put where a GPU machine would have it
    trainer = make_trainer(tmp_path)
    trainer.is_fsdp_enabled = True
    trainer.accelerator.state.fsdp_plugin = plugin = FullyShardedDataParallelPlugin()  # version 1, if it has one
    if version == 2:
        plugin.fsdp_version = 2
        require_supported_parallelism(trainer)
    else:
        with pytest.raises(ValueError, match="Set fsdp_version to 2"):
            require_supported_parallelism(trainer)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_data_parallel_trains(tmp_path: Path, estimator: str) -> None:
    # without GPUs `DataParallel` runs one replica; the paths of several devices are taken all the same: the wrapped
    # model, the multiplied batch, the loss that is averaged over replicas
    settings = {"meta_estimator": estimator, "lr_update": "log_adam"}
    args = arguments(tmp_path / "two", per_device_train_batch_size=2, **settings)
    args._n_gpu = 2
    two = make_trainer(tmp_path / "two", make_vit(dropout=0.0))
    two = type(two)(model=make_vit(dropout=0.0), args=args, train_dataset=two.train_dataset)
    two.train()
    assert isinstance(two.model_wrapped, nn.DataParallel)
    one = make_trainer(tmp_path / "one", make_vit(dropout=0.0), **settings)  # 4 in a batch
    one.train()
    assert_learned(two)
    assert two.learning_rates == pytest.approx(one.learning_rates, rel=1e-5)
    assert issubclass(type(two), Trainer)
