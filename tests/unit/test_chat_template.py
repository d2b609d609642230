"""Chat templates: the model's own, hostile ones, and the fallbacks."""

import pytest

from app.errors import TemplateError
from app.llm.runner.chat_template import JinjaTemplate, Templater
from app.schema import Message, Role
from tests.fakes.gguf_models import CHATML

SYSTEM = Message(Role.SYSTEM, "Be brief.")
HELLO = Message(Role.USER, "Hello")
ANSWER = Message(Role.ASSISTANT, "Hi")
AGAIN = Message(Role.USER, "Again")

NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}"
    "<{{ m.role }}>{{ m.content | trim }}{% endfor %}<model>"
)


def test_renders_the_models_own_template() -> None:
    text = JinjaTemplate(CHATML).render([SYSTEM, HELLO])
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_system_message_is_folded_in_where_it_is_refused() -> None:
    template = JinjaTemplate(NO_SYSTEM, bos="<s>")
    assert template.render([SYSTEM, HELLO]) == "<s><user>Be brief.\n\nHello<model>"
    assert template.render([HELLO, ANSWER, AGAIN]).endswith("<assistant>Hi<user>Again<model>")


def test_turns_of_one_speaker_are_joined_where_they_must_alternate() -> None:
    text = JinjaTemplate(NO_SYSTEM).render([SYSTEM, HELLO, AGAIN])
    assert text == "<user>Be brief.\n\nHello\n\nAgain<model>"


def test_what_model_makers_use_is_there() -> None:
    template = JinjaTemplate(
        "{% generation %}{{ strftime_now('%Y') | length }}{% endgeneration %}"
        "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{% endfor %}"
        "{{ {'a': '<é>'} | tojson }}{{ tools is defined }}"
    )
    assert template.render([HELLO]) == '4{"a": "<é>"}False'


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 10000000000 }}",
        "{{ 10 ** 100000 }}",
        "{{ (9 ** 999) * (9 ** 999) * (9 ** 999) * (9 ** 999) * (9 ** 999) }}",
        "{% set ns = namespace(x='ab') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(90) %}"
        "{% set ns.x = ns.x | replace('a', 'aaaaaaaaaa') %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(90) %}"
        "{% set ns.x = ns.x.replace('a', 'aaaaaaaaaa') %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(90) %}"
        "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(90) %}"
        "{% set ns.x = [ns.x, ns.x, ns.x] | join(ns.x) %}{% endfor %}",
        "{{ 'x' | center(1000000000) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'x' | indent(1000000000, true) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ undefined_function() }}",
        "{% if %}",
        "{{ 1 / 0 }}",
        "{% include 'secret' %}",
    ],
)
def test_a_hostile_template_is_a_template_error(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        JinjaTemplate(source).render([HELLO])
    assert caught.value.details


def test_the_fallback_is_chatml_where_its_tokens_are() -> None:
    templater = Templater("", lambda text: text.startswith("<|im_"), "", "")
    prompt = templater.prompt([SYSTEM, HELLO])
    assert prompt.text.endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")
    assert "<|im_end|>" in prompt.stop
    assert "no chat template" in prompt.notice
    assert "ChatML" in prompt.notice


def test_else_the_fallback_is_plain_lines_with_their_stop_strings() -> None:
    templater = Templater("{% broken", lambda _text: False, "", "")
    prompt = templater.prompt([SYSTEM, HELLO, ANSWER, AGAIN])
    assert prompt.text == "System: Be brief.\nUser: Hello\nAssistant: Hi\nUser: Again\nAssistant:"
    assert set(prompt.stop) == {"\nSystem:", "\nUser:", "\nAssistant:"}
    assert "broken" in prompt.notice


def test_a_template_that_fails_on_one_conversation_falls_back_for_that_one() -> None:
    source = "{% if messages | length > 1 %}{{ raise_exception('one only') }}{% endif %}ok"
    templater = Templater(source, lambda _text: False, "", "")
    assert templater.notice == ""
    assert templater.prompt([HELLO]).text == "ok"
    prompt = templater.prompt([HELLO, ANSWER, AGAIN])
    assert prompt.text.startswith("User: Hello")
    assert "one only" in prompt.notice
