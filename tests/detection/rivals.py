#!/usr/bin/env python3
"""One rival over one file of texts: what `peers.py` starts for each, in a process of its own.

    rivals.py NAME TEXTS PREDICTIONS SECONDS

Rows come from TEXTS until they or the SECONDS are over; each has its prediction, in the form of the scorers, in
PREDICTIONS. The last line on standard output says what ran: version, rows read, bytes, processor seconds. Loading is
not counted. It scores nothing, compares nothing, and lets no rival fetch anything while it runs.
"""

import json
import logging
import os
import sys
import time
from importlib.metadata import version

# One thread each, and no list of prices from the network.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", LITELLM_LOCAL_MODEL_COST_MAP="True")

# What LiteLLM's patterns are called, by what they look for. Those of company numbers, post codes, addresses, bookings
# and words of dislike have no label among the texts.
CORE = {
    "US_SSN": ["us_ssn", "us_ssn_no_dash"],
    "EMAIL": ["email"],
    "PHONE": ["us_phone"],
    "CREDIT_CARD": ["visa", "mastercard", "amex", "discover"],
    "IBAN_CODE": ["iban"],
    "IP_ADDRESS": ["ipv4", "ipv6"],
    "AWS_ACCESS_KEY": ["aws_access_key"],
    "API_KEY": ["github_token"],
}
FURTHER = {
    "PHONE": ["br_phone_landline", "br_phone_mobile", "fr_phone", "uae_phone", "sg_phone"],
    "CREDIT_CARD": ["credit_card"],
    "IBAN_CODE": ["eu_iban_enhanced"],
    "AWS_SECRET_KEY": ["aws_secret_key"],
    "API_KEY": ["slack_token", "generic_api_key"],
    "US_PASSPORT": ["passport_us"],
    "PASSPORT": [
        "passport_uk", "passport_germany", "passport_france", "passport_netherlands", "passport_canada",
        "passport_india", "passport_australia", "passport_china", "passport_japan", "passport_singapore",
        "eu_passport_generic",
    ],
    "NATIONAL_ID": [
        "nl_bsn_contextual", "br_cpf", "br_cpf_unformatted", "br_rg", "au_tfn", "au_medicare", "fr_nir",
        "uae_emirates_id", "sg_nric",
    ],
    "CA_SIN": ["ca_sin"],
    "CA_HEALTH_NUMBER": ["ca_ohip"],
    "DRIVER_ID": ["ca_on_drivers_licence"],
    "BANK_ACCOUNT": ["ca_bank_account", "sg_bank_account"],
}  # fmt: skip
CATEGORIES = [f"prompt_injection_{kind}" for kind in ("jailbreak", "system_prompt", "data_exfiltration")]
TEMPLATE = "policy_templates/prompt_injection.yaml"


def main():
    name, texts, predictions, seconds = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    package, judge = RIVALS[name]()
    # Whatever a rival makes on its first text is not what a text costs.
    judge("ann@example.org")
    rows = volume = 0
    over = time.monotonic() + float(seconds)
    began = time.process_time()
    with open(texts, encoding="utf-8") as lines, open(predictions, "w", encoding="utf-8") as out:
        for line in lines:
            if time.monotonic() > over:
                break
            row = json.loads(line)
            out.write(json.dumps({"id": row["id"], **judge(row["text"])}) + "\n")
            rows += 1
            volume += len(row["text"].encode())
    seconds = time.process_time() - began
    print(json.dumps({"version": version(package), "rows": rows, "bytes": volume, "seconds": seconds}))
    # LiteLLM leaves threads behind that nobody ends.
    sys.stdout.flush()
    os._exit(0)


def presidio():
    import presidio_analyzer
    import spacy
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

    class Tokenizer(NlpEngine):
        """Tokens and nothing else: no model is loaded, so names and places are not found."""

        def __init__(self):
            self.nlp = spacy.blank("en")

        def load(self):
            pass

        def is_loaded(self):
            return True

        def process_text(self, text, language):
            document = self.nlp(text)
            words = [token.text.lower() for token in document]
            return NlpArtifacts([], document, [token.idx for token in document], words, self, language)

        def process_batch(self, texts, language, **_):
            for text in texts:
                yield text, self.process_text(text, language)

        def is_stopword(self, word, language):
            return self.nlp.vocab[word].is_stop

        def is_punct(self, word, language):
            return self.nlp.vocab[word].is_punct

        def get_supported_entities(self):
            return []

        def get_supported_languages(self):
            return ["en"]

    registry = presidio_analyzer.RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.recognizers = [own for own in registry.recognizers if "Spacy" not in type(own).__name__]
    # A threshold of 0.4 is where it is best: below, patterns that need context count without it.
    engine = presidio_analyzer.AnalyzerEngine(
        registry=registry, nlp_engine=Tokenizer(), supported_languages=["en"], default_score_threshold=0.4
    )

    def judge(text):
        found = engine.analyze(text, language="en")
        return {"spans": [{"start": one.start, "end": one.end, "type": one.entity_type} for one in found]}

    return "presidio-analyzer", judge


def content_filter(patterns=(), categories=()):
    from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter import ContentFilterGuardrail
    from litellm.types.guardrails import ContentFilterPattern

    chosen = [ContentFilterPattern(pattern_type="prebuilt", pattern_name=name, action="MASK") for name in patterns]
    guardrail = ContentFilterGuardrail(guardrail_name="peers", patterns=chosen, categories=list(categories))
    missing = {entry["category"] for entry in categories} - set(guardrail.loaded_categories)
    if missing:
        raise LookupError(f"no category {sorted(missing)}")
    return guardrail


def litellm_patterns(*tables):
    kinds = {name: kind for table in tables for kind, names in table.items() for name in names}
    guardrail = content_filter(patterns=kinds)

    def judge(text):
        # The places its masking replaces; what it returns are texts.
        spans = [
            {"start": start, "end": end, "type": kinds[entry["pattern_name"]]}
            for entry in guardrail.compiled_patterns
            for start, end in guardrail._find_pattern_spans(text, entry)
        ]
        return {"spans": spans}

    return "litellm", judge


def litellm_categories(template):
    from fastapi import HTTPException

    categories = [{"category": name, "enabled": True, "action": "BLOCK"} for name in CATEGORIES]
    if template:
        categories.append(
            {"category": "prompt_injection", "enabled": True, "action": "BLOCK", "category_file": TEMPLATE}
        )
    guardrail = content_filter(categories=categories)

    def judge(text):
        try:
            guardrail._filter_single_text(text)
        except HTTPException:
            return {"label": "attack"}
        return {"label": "benign"}

    return "litellm", judge


def litellm_heuristic():
    from litellm.proxy.hooks.prompt_injection_detection import _OPTIONAL_PromptInjectionDetection

    hook = _OPTIONAL_PromptInjectionDetection()
    return "litellm", lambda text: {"label": "attack" if hook.check_user_input_similarity(text) else "benign"}


RIVALS = {
    "presidio": presidio,
    "litellm-core": lambda: litellm_patterns(CORE),
    "litellm-wide": lambda: litellm_patterns(CORE, FURTHER),
    "litellm-categories": lambda: litellm_categories(template=False),
    "litellm-template": lambda: litellm_categories(template=True),
    "litellm-heuristic": litellm_heuristic,
}


if __name__ == "__main__":
    main()
