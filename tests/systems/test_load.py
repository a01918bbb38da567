"""From MODEL to a responder: which of them, and what is said of anything else."""

import json

import pytest
import tiny_checkpoints

from trenza.errors import EndpointError, UsageError, WeightsError
from trenza.systems import load
from trenza.systems.hub import HubResponder


def test_a_folder_of_transformers_is_recognised(tmp_path):
    assert isinstance(load.responder(str(tiny_checkpoints.llama(tmp_path / "llama"))), HubResponder)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('{"system": "perpetuum"}', "the system 'perpetuum'; known: llava_public, clip_answers, llava"),
        ("{}", "the system None"),
        ("[]", "isn't a JSON object"),
        ("\x00", "isn't a JSON object"),
    ],
)
def test_folders_of_nothing_known_say_so(tmp_path, config, words):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(WeightsError, match=words):
        load.responder(str(tmp_path))


def test_a_folder_of_ours_goes_to_its_own_system(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps({"system": "mine", "model_type": "llama"}))
    monkeypatch.setitem(load.SYSTEMS, "mine", lambda folder: folder)
    assert load.responder(str(tmp_path)) == tmp_path


def test_a_hub_name_out_of_reach_says_so(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"nobody/nothing is no folder, and no checkpoint of that name"):
        load.responder("nobody/nothing")


@pytest.mark.parametrize("model", ["no/such/folder", "nothing", "ftp://host/v1", "~/model", "model\nname", __file__])
def test_anything_else_is_explained(model):
    with pytest.raises(WeightsError, match="is no model: give a folder"):
        load.responder(model)


@pytest.mark.parametrize("url", ["http://", "https://:80/v1", "http://host:port/v1", "http://[::1/v1", "http://a b/v1"])
def test_addresses_that_are_none_are_wrong_use(url):
    with pytest.raises(UsageError, match="is no address of a model"):
        load.responder(url)


def test_an_address_where_nobody_answers(monkeypatch):
    monkeypatch.setattr("trenza.systems.endpoint_http.FIRST_WAIT", 0.001)
    with pytest.raises(EndpointError, match="failed 5 times: ConnectError"):
        load.responder("http://127.0.0.1:9/v1")
