"""Everything about a run that is the same for each of its texts, made once (pure)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labels.label import ConfidenceMethod, Lineage, SamplingParameters
from labels.names import label_name, run_name
from labels.ontology import Ontology
from llm_annotator.confidence import spellings_of
from llm_annotator.examples import Example
from llm_annotator.parse import ReplyParser
from llm_annotator.prompt import Message, Template, canonical_json, document, head, messages_sha256
from llm_annotator.schema import output_tokens, schema_json, text_tools

TOP_LOGPROBS = 5
_MAX_SEED = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is shown for one text, with the labels that stand in it as examples."""

    messages: tuple[Message, ...]
    sha256: str
    examples: tuple[Example, ...]


class Plan:
    """How the texts of a run (or of one request) are labelled; never changed after it is made."""

    def __init__(
        self,
        ontology: Ontology,
        template: Template,
        examples: Sequence[Example],
        *,
        method: ConfidenceMethod,
        seed: int,
        output_limit: int,
        project_id: str,
        run_uid: str = "",
    ) -> None:
        """`run_uid` is empty outside runs; raises NoTextTool."""
        self.ontology = ontology
        self.template = template
        self.examples = tuple(examples)
        self.method = method
        self._project_id = project_id
        self._run = run_name(project_id, run_uid) if run_uid else ""
        self.tools = text_tools(ontology)
        self.parser = ReplyParser(self.tools)
        self.spellings = spellings_of(self.tools)
        self.schema_json = schema_json(self.parser.schema)
        self.max_tokens = output_tokens(self.tools, output_limit)
        self.sampling = SamplingParameters(0.0, seed & _MAX_SEED, self.max_tokens, TOP_LOGPROBS)
        self._head = head(template, [example.shot for example in self.examples])
        # What all prompts share is hashed once: canonical JSON without its closing bracket.
        self._head_hash = hashlib.sha256(canonical_json(self._head)[:-1])
        self._example_texts = frozenset(example.shot.text for example in self.examples)

    def prompt(self, text: str, context: Mapping[str, str]) -> Prompt:
        """The prompt for a text.

        An example that is this very text would give the answer away and is left out.
        """
        last = document(text, context)
        if text in self._example_texts:
            kept = tuple(example for example in self.examples if example.shot.text != text)
            messages = (*head(self.template, [example.shot for example in kept]), last)
            return Prompt(messages, messages_sha256(messages), kept)
        digest = self._head_hash.copy()
        digest.update(b"," + canonical_json([last])[1:])
        return Prompt((*self._head, last), digest.hexdigest(), self.examples)

    def lineage(self, prompt: Prompt, model: str, response: str, fingerprint: str) -> Lineage:
        """What a prediction is made from that was read from that response to the prompt."""
        return Lineage(
            model=model,
            run=self._run,
            prompt_revision=self.template.revision,
            rendered_prompt_sha256=prompt.sha256,
            examples=tuple(label_name(self._project_id, example.label_uid) for example in prompt.examples),
            ontology_revision=self.ontology.revision,
            # A model can write half a surrogate pair, which UTF-8 has no bytes for.
            response_sha256=hashlib.sha256(response.encode(errors="surrogatepass")).hexdigest(),
            provider_fingerprint=fingerprint,
            sampling=self.sampling,
        )


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Fewest tokens that the messages can be expected to take: about eight bytes each and four for each turn.

    Fewer than tokenizers make of real text, so that only prompts that cannot fit are refused without asking.
    """
    return sum(len(message.content.encode()) // 8 + 4 for message in messages)
