"""Which HTTP protocol serves."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from gateway.http.server import protocol
from gateway.http.server_h11 import H11Line
from gateway.http.server_httptools import HttpToolsLine
from gateway.settings import Settings, SettingsError


def test_the_one_that_is_named() -> None:
    assert protocol("httptools") is HttpToolsLine
    assert protocol("h11") is H11Line


@pytest.mark.parametrize("installed", [True, False])
def test_otherwise_what_is_installed(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: installed or None)
    assert protocol("auto") is (HttpToolsLine if installed else H11Line)


@pytest.mark.parametrize(("setting", "value"), [("http", "hypercorn"), ("http", ""), ("max_streams", -1)])
def test_settings_that_cannot_be_used(tmp_path: Path, setting: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"TOOLGATE_{setting.upper()}"):
        Settings(data_dir=tmp_path, **{setting: value})
