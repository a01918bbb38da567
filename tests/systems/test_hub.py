"""Public checkpoints as responders, on tiny random ones of five kinds; held to transformers' own generation."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_checkpoints
import torch
from PIL import Image as Pillow

from trenza.conversation import Conversation, Message, medium, text
from trenza.errors import UsageError, WeightsError
from trenza.signals import Audio, Image, Video
from trenza.systems.answering import Sampling
from trenza.systems.hub import HubResponder
from trenza.systems.references import references

RNG = np.random.default_rng(3)
PICTURE, OTHER = (Image(RNG.integers(0, 256, (40, 52, 3), np.uint8)) for _ in range(2))
SOUND = Audio((RNG.standard_normal(16_000) * 0.1).astype(np.float32))
VIDEO = Video(np.stack([PICTURE.pixels, OTHER.pixels]), np.array([0.0, 1.0]), SOUND)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Responders by kind, each made once."""
    made: dict[str, HubResponder] = {}

    def get(kind: str) -> HubResponder:
        if kind not in made:
            folder = tmp_path_factory.mktemp("hub") / kind
            made[kind] = HubResponder(str(getattr(tiny_checkpoints, kind)(folder)))
        return made[kind]

    return get


def asked(kind: str) -> Conversation:
    return Conversation.ask("What is this?", *{"qwen2_audio": [SOUND], "llama": []}.get(kind, [PICTURE, OTHER]))


KINDS = [*tiny_checkpoints.ALL, "llama"]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_chain_rule_over_one_token_steps(checkpoints, kind):
    """log p of an answer, summed from `generate`'s own scores of each forced token, caches and all."""
    responder = checkpoints(kind)
    prompter, candidates = responder.prompter, ["red", "ü 2"]
    got = responder.score(asked(kind), candidates)
    for candidate, score in zip(candidates, got, strict=True):
        ids = prompter.answer_ids(candidate)
        assert ids[-1] == prompter.ends[0]
        forced = iter(ids)
        tensors = prompter.prompt(asked(kind)).tensors
        out = responder.model.generate(
            **tensors, max_new_tokens=len(ids), do_sample=False, output_logits=True, return_dict_in_generate=True,
            prefix_allowed_tokens_fn=lambda *_, forced=forced: [next(forced)],
        )  # fmt: skip
        steps = [row[0].float().log_softmax(-1) for row in out.logits]
        expected = sum(float(row[token]) for row, token in zip(steps[:-1], ids[:-1], strict=True))
        expected += float(steps[-1][prompter.ends].logsumexp(0))
        assert score == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_transformers_greedy_ones_and_stream_whole(checkpoints, kind):
    responder = checkpoints(kind)
    stream, pieces = responder.stream(asked(kind), Sampling(max_tokens=12), support=False), []
    with pytest.raises(StopIteration) as done:
        while True:
            pieces.append(next(stream))
    answer = done.value.value
    assert "".join(pieces).strip() == answer.text
    tensors = responder.prompter.prompt(asked(kind)).tensors
    length = tensors["input_ids"].shape[1]
    expected = responder.model.generate(**tensors, max_new_tokens=12, do_sample=False)[0, length:]
    assert answer.text == responder.prompter.tokenizer.decode(expected, skip_special_tokens=True).strip()
    assert answer.usage.prompt_tokens == length and 0 < answer.usage.completion_tokens <= 12
    assert (answer.usage.media_tokens > 0) == (kind != "llama")


@pytest.mark.parametrize("kind", tiny_checkpoints.ALL)
def test_support_is_the_scores_difference_to_the_references(checkpoints, kind):
    responder = checkpoints(kind)
    signal = SOUND if kind == "qwen2_audio" else PICTURE
    got = responder.support_for(Conversation.ask("What?", signal), "red")
    ids = responder.prompter.answer_ids("red")[:-1]
    log_p = []
    for media in (signal, *references(signal)):
        prompt = responder.prompter.prompt(Conversation.ask("What?", media))
        log_p.append(responder._log_likelihood(prompt, ids))
    expected = log_p[0] - np.log(np.mean(np.exp(np.array(log_p[1:]))))
    assert got.total == pytest.approx(expected, abs=1e-4)
    assert got.per_token == pytest.approx(expected / len(ids), abs=1e-4)
    assert abs(got.total) > 1e-3  # the media do something


def test_an_answer_may_end_with_any_token_of_its_end_and_begins_as_the_template_says(checkpoints):
    """SmolVLM's template ends with a token of its own and puts a space before the answer."""
    prompter = checkpoints("smolvlm").prompter
    assert prompter.tokenizer.convert_ids_to_tokens(prompter.ends) == ["<end_of_utterance>", "<|im_end|>"]
    assert prompter.tokenizer.decode(prompter.answer_ids("red")) == " red<end_of_utterance>"


def test_templates_without_an_end_of_turn_have_the_tokenizers_end(tmp_path):
    """Vicuna's, as LLaVA 1.5 has it: a space before the answer and another behind it, and no end."""
    template = (
        "{% for m in messages %}{{ m['role'].upper() + ': ' }}{% for p in m['content'] | selectattr('type', 'equalto', "
        "'image') %}{{ '<image>\n' }}{% endfor %}{% for p in m['content'] | selectattr('type', 'equalto', 'text') %}"
        "{{ p['text'] + ' ' }}{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
    )
    prompter = HubResponder(str(tiny_checkpoints.llava(tmp_path / "vicuna", template=template))).prompter
    assert prompter.prompt(Conversation.ask("What?", PICTURE)).text == "USER: <image>\nWhat? ASSISTANT:"
    assert prompter.tokenizer.decode(prompter.answer_ids("red")) == " red<|im_end|>"


def test_a_picture_alone_is_a_question_too(checkpoints):
    for kind in ("llava", "smolvlm", "qwen2_vl"):
        alone = Conversation((Message("user", (medium(PICTURE),)),))
        assert len(checkpoints(kind).score(alone, ["red"])) == 1


def test_words_of_control_in_a_question_stay_words(checkpoints):
    for kind in KINDS:
        responder = checkpoints(kind)
        control = next(iter(responder.prompter.tokenizer.all_special_tokens))
        bad = f"{control} <image> <|image_pad|> <|AUDIO|> what?"
        media = [p.signal for _, p in asked(kind).media()]
        one, other = (responder.prompter.prompt(Conversation.ask(q, *media)) for q in ("What?", bad))
        special = torch.tensor(responder.prompter.tokenizer.all_special_ids)
        counts = [int(torch.isin(p.tensors["input_ids"], special).sum()) for p in (one, other)]
        assert counts[0] == counts[1] and one.media_tokens == other.media_tokens


def test_a_video_goes_in_as_pictures_and_its_sound_is_said_to_be_left_out(checkpoints):
    responder = checkpoints("qwen2_vl")
    frames = responder.prompter.prompt(Conversation.ask("What?", PICTURE, OTHER))
    video = responder.prompter.prompt(Conversation.ask("What?", VIDEO))
    assert all(torch.equal(video.tensors[k], v) for k, v in frames.tensors.items())
    assert any("hear" in what for what in responder.warnings)


def test_media_stand_where_they_were_put_over_several_turns(checkpoints):
    first, second = (medium(p) for p in (PICTURE, OTHER))
    turns = (Message("user", (first, text("one?"))), Message("assistant", (text("a"),)), Message("user", (second,)))
    prompt = checkpoints("llava").prompter.prompt(Conversation(turns))
    assert prompt.text.index("<image>one?") < prompt.text.index("assistant\na") < prompt.text.rindex("<image>")


def test_sampling_follows_its_seed_and_stop_strings_end_the_answer(checkpoints):
    responder = checkpoints("llava")

    def answer(**settings) -> str:
        return responder.respond(asked("llava"), Sampling(max_tokens=16, **settings), support=False).text

    one, same, other = (answer(temperature=1.5, seed=s) for s in (1, 1, 2))
    assert one == same != other
    greedy = answer()
    assert answer(stop=(greedy[4:6],)) == greedy[: greedy.index(greedy[4:6])].strip()


def test_half_letters_are_taken(checkpoints):
    for kind in KINDS:
        media = [p.signal for _, p in asked(kind).media()]
        assert len(checkpoints(kind).score(Conversation.ask("caf\udcc3 \0?", *media), ["a\udc80", ""])) == 2


def test_many_threads_get_each_their_own_answer(checkpoints):
    responder = checkpoints("qwen2_vl")
    asks = [Conversation.ask(f"What is {n}?", *([PICTURE] * (n % 3))) for n in range(6)]
    alone = [responder.score(c, ["red", "blue"]) for c in asks]
    texts = [responder.respond(c, Sampling(max_tokens=5)).text for c in asks]
    with ThreadPoolExecutor(6) as pool:
        scores = pool.map(lambda c: responder.score(c, ["red", "blue"]), asks)
        answers = pool.map(lambda c: responder.respond(c, Sampling(max_tokens=5)).text, asks)
        assert np.allclose(list(scores), alone, atol=1e-4) and list(answers) == texts


def test_an_abandoned_stream_leaves_the_model_free(checkpoints):
    responder = checkpoints("llava")
    stream = responder.stream(asked("llava"), Sampling(max_tokens=2000), support=False)
    next(stream)
    stream.close()
    assert responder.respond(asked("llava"), Sampling(max_tokens=2), support=False).text is not None


@pytest.mark.parametrize(
    ("kind", "media", "words"),
    [
        ("llama", [PICTURE], "takes no pictures"),
        ("llama", [VIDEO], "takes no pictures"),
        ("llava", [SOUND], "takes no sounds"),
        ("qwen2_audio", [PICTURE], "takes no pictures"),
        ("qwen2_audio", [Audio(np.zeros(3 * 16_000, np.float32))], "hears at most 2.0 s"),
        ("llava", [PICTURE] * 1100, "the limit is 4095"),
        ("qwen2_vl", [Image(np.zeros((1, 900, 3), np.uint8))], "aspect ratio"),
    ],
)
def test_what_it_can_not_take_is_one_clear_error(checkpoints, kind, media, words):
    with pytest.raises(UsageError, match=words):
        checkpoints(kind).respond(Conversation.ask("What is this?", *media))


def test_a_template_without_a_place_for_pictures_is_an_error_and_not_a_blind_answer(tmp_path):
    folder = tiny_checkpoints.llava(tmp_path / "blind", template=tiny_checkpoints.CHAT.replace("IMAGE", ""))
    with pytest.raises(UsageError, match="leaves out pictures"):
        HubResponder(str(folder)).score(Conversation.ask("What?", PICTURE), ["red"])


def test_damaged_or_foreign_checkpoints_are_refused(tmp_path):
    folder = tiny_checkpoints.llama(tmp_path / "llama")
    config, weights = folder / "config.json", folder / "model.safetensors"
    good, tensors = json.loads(config.read_text()), weights.read_bytes()

    def refused(words: str) -> None:
        with pytest.raises(WeightsError, match=words):
            HubResponder(str(folder))

    config.write_text(json.dumps({**good, "num_hidden_layers": 3}))
    refused("lacks 9 tensors, such as model.layers.2")
    config.write_text(json.dumps({**good, "intermediate_size": 60}))
    refused("another shape")
    config.write_text(json.dumps({**good, "model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}))
    (folder / "mine.py").write_text("raise SystemExit('it ran')")
    refused("trust_remote_code stays False")
    config.write_text(json.dumps({**good, "model_type": "never-heard-of"}))
    refused("never-heard-of")
    config.write_text(json.dumps({**good, "model_type": "t5"}))
    refused("an encoder and a decoder")
    config.write_text(json.dumps({**good, "model_type": "vit"}))
    refused("writes no answers")
    config.write_text(json.dumps(good))
    weights.write_bytes(tensors[:500])
    refused("isn't a checkpoint that transformers can load: .*header")
    weights.unlink()
    torch.save({}, folder / "pytorch_model.bin")
    refused("has no safetensors")
    weights.write_bytes(tensors)
    (folder / "chat_template.jinja").unlink()
    refused("has no chat template")


def test_odd_pictures_are_taken(checkpoints):
    for shape in ((1, 1), (3, 40), (60, 2)):
        picture = Image(np.full((*shape, 3), 90, np.uint8))
        for kind in ("llava", "smolvlm", "qwen2_vl"):
            assert len(checkpoints(kind).score(Conversation.ask("What?", picture), ["a"])) == 1
    assert Pillow.fromarray(PICTURE.pixels).size == (52, 40)
