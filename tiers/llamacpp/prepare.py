"""The preparation: from a request's body to sequences ready for a slot; runs beside the decoding."""

from collections.abc import Mapping
from typing import Any

import jinja2

from tiers.llamacpp.begun import begun_text
from tiers.llamacpp.fields import refuse
from tiers.llamacpp.grammar import Grammar, schema_to_gbnf
from tiers.llamacpp.model import Model, ModelError
from tiers.llamacpp.refusal import Refusal
from tiers.llamacpp.request import Request, read_request
from tiers.llamacpp.sampling import Sampler
from tiers.llamacpp.sequence import Sequence
from tiers.llamacpp.stopping import TextOut
from tiers.llamacpp.template import ChatTemplate
from tiers.llamacpp.toolcalls import reader_for

MOST_BYTES_PER_TOKEN = 256  # longer prompts than this times the context are refused before they are tokenised


class Preparer:
    """Reads bodies with one model's template and vocabulary. Raises ModelError where the template does not parse."""

    def __init__(self, model: Model) -> None:
        self._vocabulary = model.vocabulary
        self._context = model.options.context
        self._bos = self._vocabulary.text(self._vocabulary.bos)
        eos = self._vocabulary.text(self._vocabulary.eos)
        try:
            self._template = ChatTemplate(model.metadata("tokenizer.chat_template"), bos=self._bos, eos=eos)
        except jinja2.TemplateError as error:
            raise ModelError(f"the chat template in {model.options.model_path} does not parse: {error}") from error

    def prepare(self, request_id: int, path: str, body: Mapping[str, Any]) -> list[Sequence]:
        """One sequence for each choice, the first leading. Raises Refusal."""
        request = read_request(path, body)
        begun = self._begun(request)
        prompt = self._tokens(request, begun)
        max_tokens = self._room_for_answer(request, len(prompt))
        self._check_bias(request)
        grammar = self._grammar(request, begun)
        sequences: list[Sequence] = []
        for choice in range(request.choices):
            leader = sequences[0] if sequences else None
            own = grammar.fork() if grammar and leader else grammar
            sequences.append(self._sequence(request, request_id, choice, prompt, max_tokens, own, leader))
            _go_on_from(begun, sequences[-1])
        return sequences

    def _sequence(
        self,
        request: Request,
        request_id: int,
        choice: int,
        prompt: list[int],
        max_tokens: int,
        grammar: Grammar | None,
        leader: Sequence | None,
    ) -> Sequence:
        return Sequence(
            request_id=request_id,
            choice=choice,
            tokens=list(prompt),
            prompt_length=len(prompt),
            max_tokens=max_tokens,
            min_tokens=request.min_tokens,
            ignore_eos=request.ignore_eos,
            top_logprobs=request.top_logprobs,
            sampler=Sampler(request.sampling, choice=choice, prompt=prompt),
            text=TextOut(request.stops),
            grammar=grammar,
            tools=reader_for(forced=request.tools.forced) if request.tools else None,
            leader=leader,
        )

    def _begun(self, request: Request) -> str:
        """The beginning of the answer, where the request brings it along."""
        if not request.continues_last or not request.messages:
            return ""
        return begun_text(request.messages[-1], forced=bool(request.tools and request.tools.forced))

    def _tokens(self, request: Request, begun: str) -> list[int]:
        if isinstance(request.prompt, tuple):
            return self._checked_ids(request.prompt)
        text = self._render(request) + begun if request.chat else request.prompt
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MOST_BYTES_PER_TOKEN * self._context:
            raise self._too_long(request, size // MOST_BYTES_PER_TOKEN, "at least ")
        has_bos = bool(self._bos) and text.startswith(self._bos)
        tokens = self._vocabulary.tokenize(text, add_bos=self._vocabulary.adds_bos and not has_bos, special=True)
        if not tokens:
            raise refuse("messages" if request.chat else "prompt", text, "a text of at least one token")
        return tokens

    def _render(self, request: Request) -> str:
        messages = request.messages or ()
        return self._template.render(
            messages[:-1] if request.continues_last else messages,
            tools=request.tools.tools if request.tools else (),
            variables=request.template_variables,
        )

    def _checked_ids(self, tokens: tuple[int, ...]) -> list[int]:
        if not all(0 <= token < self._vocabulary.size for token in tokens):
            raise refuse("prompt", list(tokens), f"token ids from 0 to {self._vocabulary.size - 1}")
        return list(tokens)

    def _room_for_answer(self, request: Request, prompt_tokens: int) -> int:
        left = self._context - prompt_tokens
        if left < max(1, request.max_tokens or 1):
            raise self._too_long(request, prompt_tokens)
        return request.max_tokens or left

    def _too_long(self, request: Request, prompt_tokens: int, about: str = "") -> Refusal:
        asked = f" and {request.max_tokens} for the answer" if request.max_tokens else ""
        return Refusal(
            f"This model's maximum context length is {self._context} tokens. However, the request has "
            f"{about}{prompt_tokens} tokens in the prompt{asked}.",
            param="messages" if request.chat else "prompt",
            code="context_length_exceeded",
            kind="context",
        )

    def _check_bias(self, request: Request) -> None:
        for token, _ in request.sampling.logit_bias:
            if token >= self._vocabulary.size:
                raise refuse("logit_bias", token, f"token ids from 0 to {self._vocabulary.size - 1}")

    def _grammar(self, request: Request, begun: str) -> Grammar | None:
        """What the answer must fit, at the place where `begun` ends."""
        gbnf, param = _gbnf(request)
        if gbnf is None:
            return None
        grammar = Grammar(self._vocabulary.handle, gbnf, param=param)
        for token in self._vocabulary.tokenize(begun, add_bos=False, special=False) if begun else ():
            if not grammar.allows(token):
                grammar.close()
                raise Refusal("continue_final_message: the last message does not fit what is asked for", param=param)
            grammar.accept(token)
        return grammar


def _gbnf(request: Request) -> tuple[str | None, str]:
    """(the grammar that the answer must fit or None, the field that asks for it)."""
    if request.grammar is not None:
        return request.grammar, "grammar"
    if request.tools is not None and request.tools.forced:
        return schema_to_gbnf(request.tools.schema(), param="tools"), "tools"
    if request.schema is not None:
        return schema_to_gbnf(request.schema, param="response_format"), "response_format"
    return None, ""


def _go_on_from(begun: str, sequence: Sequence) -> None:
    """What was said before is read and not sent again."""
    if begun and sequence.tools is not None:
        sequence.tools.feed(begun)
