"""Reading ends: folders, state dicts, classes; one clear error for what cannot be one."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import BertForMaskedLM, BertModel

from hf_metalr.transferability import transferability_profile
from hf_metalr.transferability.ends import read_end
from tests.trainer.tiny import make_bert, make_convnext, make_vit
from tests.transferability.small import make_mlp, moved


def test_a_bare_backbone_is_matched_to_the_classifier_that_was_made_from_it(tmp_path) -> None:
    # its own names lack the prefix `bert.`: loaded by its own class, nothing would match
    tuned = make_bert()
    BertModel(tuned.config).save_pretrained(tmp_path)
    end = read_end(str(tmp_path), "pretrained", tuned)
    assert end.parameters.keys() == {name for name, _ in tuned.named_parameters() if not name.startswith("classifier")}
    profile = transferability_profile(tuned, tmp_path, random_draws=1)
    assert [layer.name for layer in profile.layers] == ["embeddings", "layer.0", "layer.1", "pooler"]


def test_what_the_checkpoint_lacks_is_left_out_not_made_up(tmp_path) -> None:
    BertForMaskedLM(make_bert().config).save_pretrained(tmp_path)
    end = read_end(tmp_path, "pretrained", make_bert())
    assert not any(name.startswith(("classifier", "bert.pooler")) for name in end.parameters)


def test_vit_like_checkpoints_are_read_whole(tmp_path) -> None:
    # they are saved under names that differ from the module's
    model = make_vit()
    model.save_pretrained(tmp_path)
    end = read_end(tmp_path, "pretrained")
    for name, parameter in model.named_parameters():
        assert torch.equal(end.parameters[name], parameter), name


def test_half_precision_is_read_as_float32(tmp_path) -> None:
    make_convnext().half().save_pretrained(tmp_path)
    assert {value.dtype for value in read_end(tmp_path, "pretrained").parameters.values()} == {torch.float32}


def test_bare_safetensors_take_their_order_from_a_model(tmp_path) -> None:
    start = make_mlp()
    tuned = moved(start, 0.01)
    save_file(tuned.state_dict(), tmp_path / "model.safetensors")
    from_file, from_model = (transferability_profile(end, start, make_mlp(7)) for end in (tmp_path, tuned))
    assert from_file.layers == from_model.layers


def test_statistics_of_a_state_dict_are_no_parameters() -> None:
    end = read_end(make_mlp().state_dict(), "pretrained")
    assert set(end.buffers) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}


def test_two_kinds_of_model_are_refused(tmp_path) -> None:
    make_convnext().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"type 'convnext', the fine-tuned one of type 'vit'"):
        transferability_profile(make_vit(), tmp_path)


def test_adapters_are_refused_with_the_way_out() -> None:
    model = make_mlp()
    model[0].register_parameter("lora_A", nn.Parameter(torch.ones(2, 6)))
    with pytest.raises(ValueError, match="merge_and_unload"):
        transferability_profile(model, make_mlp())


def test_what_is_no_end_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"`fine_tuned` 'nobody/nothing' is neither a readable checkpoint folder"):
        transferability_profile("nobody/nothing", make_vit())
    with pytest.raises(ValueError, match=r"`fine_tuned` the folder .* holds neither config.json nor"):
        transferability_profile(tmp_path, make_vit())
    with pytest.raises(ValueError, match="`fine_tuned` must be a model, a state dict"):
        transferability_profile(3, make_vit())
    with pytest.raises(ValueError, match="`fine_tuned` has no parameters"):
        transferability_profile(nn.ReLU(), make_vit())
    (tmp_path / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(ValueError, match="is damaged"):
        transferability_profile(tmp_path, make_mlp())
    make_vit().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(ValueError, match="neither a readable checkpoint folder"):
        transferability_profile(tmp_path, make_vit())
