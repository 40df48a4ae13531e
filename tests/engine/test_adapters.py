"""The initial rate of LoRA's factors."""

import pytest
import torch

from hf_metalr import UNSTATED, MetaLR, MetaLRConfig
from hf_metalr.engine.adapters import LORA_STEPS, lora_rates
from hf_metalr.equations import relative_bounds, weight_size
from hf_metalr.layer_groups import make_layer_groups
from tests.trainer.tiny import make_bert

peft = pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT


def _adapted(rank: int = 4, alpha: int = 8, **settings):
    torch.manual_seed(0)
    config = peft.LoraConfig(
        task_type="SEQ_CLS", r=rank, lora_alpha=alpha, target_modules=["query", "value"], **settings
    )
    return peft.get_peft_model(make_bert(), config)


def _backward(model) -> None:
    inputs = torch.randint(0, model.config.vocab_size, (4, 5))
    model(input_ids=inputs, labels=torch.tensor([0, 1, 0, 1])).loss.backward()


def _engine(model) -> MetaLR:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return MetaLR(model, torch.optim.AdamW(parameters, lr=UNSTATED), config=MetaLRConfig(hyper_lr=1e-9))


def test_the_first_step_moves_the_adapted_weights_by_what_they_bear() -> None:
    model = _adapted()
    engine = _engine(model)
    layer = model.get_submodule("base_model.model.bert.encoder.layer.0.attention.self.query")
    before = layer.get_delta_weight("default").clone()
    model(
        input_ids=torch.randint(0, model.config.vocab_size, (4, 5)), labels=torch.tensor([0, 1, 0, 1])
    ).loss.backward()
    engine.optimizer.step()
    moved = (layer.get_delta_weight("default") - before).square().mean().sqrt().item()
    bears = relative_bounds(
        weight_size([p for n, p in model.named_parameters() if p.ndim > 1 and "lora" not in n])
    ).high
    # The signs of r terms are not quite independent, and one layer's A is not the median's.
    assert moved == pytest.approx(LORA_STEPS * bears, rel=0.5)


@pytest.mark.parametrize(("rank", "alpha", "factor"), [(4, 16, 1 / 2), (16, 32, 1 / 2)])
def test_a_larger_product_starts_at_a_lower_rate(rank: int, alpha: int, factor: float) -> None:
    # catches: one rate for every rank and scaling
    usual, other = (lora_rates(model, make_layer_groups(model)) for model in (_adapted(), _adapted(rank, alpha)))
    for name, lr in usual.items():
        assert other[name] / lr == pytest.approx(factor, rel=0.2)


def test_the_head_beside_the_adapters_has_its_own_rate() -> None:
    engine = _engine(_adapted())
    *layers, head = engine.learning_rates
    assert engine.learning_rates[head] == engine.lr_bounds[head].high
    assert all(engine.lr_bounds[name] == engine.wide_bounds for name in layers)
    assert 5e-5 not in engine.learning_rates.values()


def test_without_adapters_nothing_is_chosen_here() -> None:
    model = make_bert()
    assert lora_rates(model, make_layer_groups(model)) == {}


def test_quantised_weights_tell_no_size() -> None:
    model = _adapted()
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.ndim > 1 and not parameter.requires_grad:
                setattr(module, name, torch.nn.Parameter(parameter.detach().to(torch.uint8), requires_grad=False))
    assert lora_rates(model, make_layer_groups(model)) == {}


def test_on_embeddings_the_other_factor_is_zero() -> None:
    # catches: a movement of zero, and no rate for the embeddings
    torch.manual_seed(0)
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["word_embeddings", "query"])
    model = peft.get_peft_model(make_bert(), config)
    assert list(lora_rates(model, make_layer_groups(model))) == ["embeddings", "layer.0", "layer.1"]


def test_sgd_moves_the_product_alike() -> None:
    # catches: adapters left at Transformers' default beside a head whose rate the gradient tells
    model = _adapted()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    engine = MetaLR(model, torch.optim.SGD(parameters, lr=UNSTATED), config=MetaLRConfig(hyper_lr=1e-9))
    model(
        input_ids=torch.randint(0, model.config.vocab_size, (4, 5)), labels=torch.tensor([0, 1, 0, 1])
    ).loss.backward()
    engine.optimizer.step()
    for group in engine.layer_groups[:-1]:
        gradients = torch.cat([model.get_parameter(name).grad.flatten() for name in group.parameter_names])
        step = engine.learning_rates[group.name] * gradients.square().mean().sqrt().item()
        assert step == pytest.approx(lora_rates(_adapted(), engine.layer_groups)[group.name], rel=1e-3)
