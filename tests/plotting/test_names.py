"""Long names are cut where they are alike, and never into one."""

from hf_metalr.plotting.names import shortened


def test_a_long_name_keeps_its_end_from_a_word_on() -> None:
    names = ["organisation/backbone-with-a-very-long-name-224", "organisation/small"]
    assert shortened(names, 30) == ["…with-a-very-long-name-224", "organisation/small"]
    assert shortened(["x" * 40], 10) == ["…" + "x" * 9]


def test_names_that_would_become_one_stay_whole() -> None:
    names = [f"{half}.layers.0.attention.output" for half in ("encoder", "decoder")]
    assert shortened(names, 20) == names
    assert shortened([names[0], names[0]], 20) == ["…0.attention.output"] * 2
