"""Ports for programs that have to be told one."""

from __future__ import annotations

import socket

import pytest

import localcloud.containers.ports
import project.ports

BOTH = [project.ports, localcloud.containers.ports]


@pytest.mark.parametrize("module", BOTH)
def test_a_free_port_is_none_that_the_system_gives_to_others_meanwhile(module):
    with socket.create_server(("127.0.0.1", 0)) as other:
        given = other.getsockname()[1]
        first = module._first_port_that_the_system_chooses()
        assert first <= given
        for port in (module.free_port() for _ in range(20)):
            assert module.FIRST_PORT <= port < first
            with socket.create_server(("127.0.0.1", port)):
                pass


@pytest.mark.parametrize("module", BOTH)
@pytest.mark.parametrize("text", ["1024\t65535\n", "10000\t60999\n"])
def test_where_the_system_chooses_from_all_ports_it_chooses_this_one_too(module, text, tmp_path, monkeypatch):
    (tmp_path / "range").write_text(text)
    monkeypatch.setattr(module, "LINUX_RANGE", tmp_path / "range")
    with socket.create_server(("127.0.0.1", module.free_port())):
        pass


@pytest.mark.parametrize("module", BOTH)
def test_ports_that_are_taken_are_not_chosen(module, monkeypatch):
    with socket.create_server(("127.0.0.1", module.free_port())) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(module, "FIRST_PORT", taken)
        monkeypatch.setattr(module, "_first_port_that_the_system_chooses", lambda: taken + 1)
        assert module.free_port() != taken
