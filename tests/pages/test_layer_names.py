"""Layer names from strangers are sent to the browser as text: on no page does one stand where Markdown or HTML is read.

What is sent is looked through field by field. A name with markup in it may stand as it is only where browsers show
nothing but text; wherever markup is read, it has to be escaped, and then it is not found as it is.
"""

from collections import OrderedDict
from collections.abc import Iterator

import pytest
import streamlit as st
import torch
from google.protobuf.message import Message
from torch import nn

from tests.corpora.samples import folder
from tests.pages.test_shell import PAGES, opened, said
from vizcore.probe.probe import Probe

NAME = "![x](//elsewhere/a)<img src=//elsewhere/b>`$y$:material-home:"
# Elements and fields that browsers show as text: lists, code, what our own scripts draw, and keys that nobody sees.
TEXT = {
    "Selectbox.options", "Selectbox.default_value", "Selectbox.raw_value", "MultiSelect.options", "TextInput.value",
    "Text.body", "Code.code_text", "BidiComponent.json",
    "Button.id", "TextInput.id", "NumberInput.id", "BidiComponent.id",  # which nothing draws
}  # fmt: skip


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(inputs, outputs, 3, padding=1), relu=nn.ReLU()))


@pytest.fixture(scope="module")
def hostile() -> Probe:
    """A small network whose modules have such names."""
    torch.manual_seed(0)
    parts = {NAME: block(3, 4), f"{NAME} again": block(4, 6)}
    ending = {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "fc": nn.Linear(6, 5)}
    return Probe(nn.Sequential(OrderedDict(parts | ending)), name="hostile", input_size=32)


@pytest.fixture(autouse=True)
def own_answers() -> Iterator[None]:
    """The hostile network goes by another's name here, and no other test may be given its answers."""
    for cache in (st.cache_resource, st.cache_data):
        cache.clear()
    yield
    for cache in (st.cache_resource, st.cache_data):
        cache.clear()


def texts(message: Message) -> Iterator[tuple[str, str]]:
    """Every text in a message by the field it is in."""
    for field, value in message.ListFields():
        many = value if field.is_repeated else [value]
        for one in many if not hasattr(many, "items") else many.values():
            if isinstance(one, Message):
                yield from texts(one)
            elif isinstance(one, str):
                yield f"{message.DESCRIPTOR.name}.{field.name}", one


@pytest.mark.parametrize("page", PAGES)
def test_a_layers_name_is_never_markup(page, hostile, tmp_path, monkeypatch):
    monkeypatch.setattr("vizcore.zoo.open_probe", lambda *asked, **given: hostile)
    monkeypatch.setenv("VIZCORE_CORPORA", str(folder(tmp_path / "flags", count=8, classes=2)))
    app = opened(page, unit=f"{NAME}.relu:1", corpus="flags")
    assert "went wrong" not in said(app)
    sent = [text for node in app._tree if getattr(node, "proto", None) for text in texts(node.proto)]
    assert any(NAME in text for _, text in sent), "the name is there at all"
    assert {field for field, text in sent if NAME in text} <= TEXT
