//! Turns of a conversation that a document forges, and markup that hides words from people. This file is data,
//! written as in the families.

use crate::injection::families::{FamilySource, HIDDEN_MARKUP, TEMPLATE_TOKENS};

pub(super) const TURNS: FamilySource = FamilySource {
    name: TEMPLATE_TOKENS,
    phrases: &[
        // What a turn of somebody else would say.
        (
            0.56,
            concat!(
                r"#{2,} ?(?:system|developer|admin) (?:message|prompt|override|notice|instruction|update|note)s? ?(?:#{2,}|:|\n)|",
                r"(?:^|\n)(?:assistant|ai|model|bot) ?: ?(?:sure|of course|certainly|absolutely|okay|ok|yes|understood|no problem)\b[^\n]{0,60}\b(?:my (?:system prompt|instructions|rules|restrictions|filters|guidelines)|without (?:restrictions|limits|filters)|the (?:password|secret|key) is|unfiltered|no longer bound)|",
                r"(?:^|\n)thought ?: [^\n]{0,100}\n+action ?: ?[^\n]{0,60}(?:reveal|secret|admin|bypass|ignore|disable|delete|password|transfer|leak|exfil|grant|credential|system_prompt)|",
                r"\b(?:policy|filters?|safety|moderation|guard ?rails?|restrictions|authori[sz]ation|auth|verification|access|admin|unrestricted|jailbreak|checks?|role|mode) ?[=:] ?(?:disabled|off|granted|none|bypassed|true|unrestricted|root|admin|god)\b[;,.&| ]{1,3}(?:policy|filters?|safety|moderation|guard ?rails?|restrictions|authori[sz]ation|auth|verification|access|admin|unrestricted|jailbreak|checks?|refusals?) ?[=:] ?(?:disabled|off|granted|none|bypassed|unrestricted|root)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"<\|(?:im_\w+|system|start|channel|message|begin_of_text|start_header_id|end_header_id|eom_id|python_tag|startoftext|turn)\|?>|",
                r"<(?:start|end)_of_turn>|\[/?(?:SYSTEM_PROMPT|INST|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]|\{\{[#~]?system\}\}|<\|(?:System|USER|ASSISTANT)\|>"
            ),
        ),
        (
            0.5,
            concat!(
                r"<(?:system|admin|system[_-]?(?:prompt|instructions?|message|override|update)|sys|override|admin[_-]?\w+|assistant[_-]instructions?|developer[_-]?\w{0,12})>|",
                r"\[{1,2}(?:/?system|system[ _-]?(?:prompt|message|override|note|instructions?|update)|admin\w*|developer)\]{1,2}|",
                r"(?:={2,}|-{2,}|#{2,}|\*{2,}|\[|<) ?(?:end|begin|start|new) (?:of )?(?:\w+ )?(?:system|prompt|instructions?|conversation|transcript|user (?:input|query|message))\b"
            ),
        ),
        (
            0.4,
            concat!(
                r"</(?:user_?\w*|documents?|context|tool_?\w*|function_?\w*|data|input|prompt|instructions)>[\s\S]{0,40}(?:system|instruction|now|you|ignore|new|<)|",
                r#""role"\s{0,4}:\s{0,4}"(?:system|developer)"\s{0,4},\s{0,4}"content"\s{0,4}:\s{0,4}"(?:[^y]|y[^o]|you(?:r| must| will| have| are (?:now|no|free|un)))|"#,
                r"(?:^|\n)[ \t>*]{0,6}(?:system|developer)(?: (?:prompt|message|override|note|instructions?)| \([^)\n]{1,24}\)){0,2}\*{0,2} ?: (?:you(?:r| must| will| have| are (?:now|no|free|un))|ignore|new|the|all|from|forget|override|disregard|please|now|reveal|print|respond|reply|stop|this|ai|assistant|content|\w+ (?:mode|policy|filters?))\b|",
                r"(?:^|\n)assistant: [^\n]{0,300}\n+system: |",
                r#""role"\s{0,4}:\s{0,4}"(?:system|developer)"\s{0,4},\s{0,4}"content"\s{0,4}:\s{0,4}"[^"\n]{0,120}\b(?:refus\w+|disabled|obey|unrestricted|no (?:rules|limits|restrictions|filters)|ignore|bypass|override|reveal|without (?:limits|restrictions)|free of)\b|"#,
                r"\bend of (?:the )?(?:document|context|data|input|file|text|user input|tool output|page)\b[^a-z]{0,12}(?:system|developer|instructions?) ?:"
            ),
        ),
    ],
};

pub(super) const MARKUP: FamilySource = FamilySource {
    name: HIDDEN_MARKUP,
    phrases: &[(
        0.2,
        concat!(
            r"opacity: ?0(?:\.0+)?[;\x22'}\s]|color: ?(?:#fff(?:fff)?|white|transparent)\b|(?:left|text-indent): ?-\d{3}|<noscript|<template|[ ]hidden>|",
            r#"type="hidden"|font-size: ?1px|\bheight: ?0(?:px)?[;"']|aria-label=["'][^"']{40}|<meta name=[^>]{40}|title="[^"]{40}"#
        ),
    )],
};
