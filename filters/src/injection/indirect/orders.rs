//! Orders that arrive in the middle of something else: new tasks, replies put in the mouth, what nobody shall be told,
//! and orders to decode and obey. This file is data, written as in the families.

use crate::injection::families::FamilySource;

pub(super) const NEW_INSTRUCTIONS: FamilySource = FamilySource {
    name: "new_instructions",
    phrases: &[
        (
            0.58,
            concat!(
                r"\b(?:your|the|here is your|to the) (?:new|real|actual|true|next|updated) (?:task|job|objective|mission|goal|",
                r"assignment|purpose|role)\b (?:is|will be|now|:)|\bnew (?:orders?|commands?|",
                r"persona|objective|prompt|mission|directive)s? ?:|\bnew (?:rules?|polic(?:y|ies)|role) ?:~60~\b(?:you|your|ignore|reveal|print|respond|reply|answer|instructions|assistant|ai)\b|\b(?:now |back )?to the (?:actual|real) (?:task|question)\b|",
                r"\beigentliche (?:aufgabe|frage)|\bneue aufgabe\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:priority|urgent|critical|mandatory|special|confidential|hidden|secret|additional) (?:\w+ )?(?:task|instructions?|order|",
                r"command|directive)s? ?[:!]|\b(?:system|admin(?:istrator)?) (?:instruction|",
                r"command|directive)s? ?[:!\]]"
            ),
        ),
        (0.25, r"\b(?:system|admin(?:istrator)?) (?:update|notice|message|note|alert)s? ?[:!\]]"),
        (
            0.6,
            concat!(
                r"\b(?:new|important|urgent|updated|special) (?:instructions?|message|directives?|orders?|notice) (?:from|for|to) ",
                r"(?:me|the |your |all )?(?:\w+ )?(?:admin\w*|system|developers?|assistants?|ai|openai|management|llm|model|agent|you)\b|",
                r"\b(?:(?:following|these|below|new|next) (?:\w+ )?(?:instructions?|commands|directives?)|(?:following|these|below) (?:\w+ )?rules)\b~15~\b(?:overrides?|",
                r"supersedes?|replaces?|take (?:precedence|priority)|ha(?:ve|s) (?:the )?(?:highest )?priority|are (?:more|most) important)\b|",
                r"\bstrictly (?:adhere to|follow) the following instruction|",
                r"\bbefore (?:you )?(?:can )?(?:solv|answer|respond|continu|proceed|complet)\w*\b~60~\b(?:do the following|you must|must first|",
                r"first|please do)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:another|a new|a more|new|different) (?:\w+ )?important task\b|\bfocus on (?:a |the |your )?(?:new|different|next) tasks?\b|",
                r"\b(?:then|now|instead),? your (?:only |new |main )?task is\b|\bunlock\w* (?:hidden|secret|all|full|your)\b|",
                r"\bimportant (?:task|notice|update) for (?:you|the (?:ai|assistant|model|agent))\b"
            ),
        ),
    ],
};

pub(super) const FORCED_REPLY: FamilySource = FamilySource {
    name: "forced_reply",
    phrases: &[
        (0.44, r"\b(?:times|forever) at the end of your (?:response|answer|reply|output)\b"),
        (0.4, r"\bpwned\b|[\x22'](?:hacked|access granted|hijacked|i have been (?:hacked|pwned))"),
        (
            0.4,
            concat!(
                r"\b(?:append|prepend|add|include|insert|preface|sign)\b~40~\b(?:your|each|every|all|any)\b ",
                r"(?:\w+ ){0,2}(?:responses?|answers?|repl(?:y|ies)|outputs?|messages?|summar(?:y|ies))\b~20~(?:with|by|[\x22'`]|:|https?)"
            ),
        ),
        (
            0.3,
            concat!(
                r"\b(?:begin|start|end|finish|conclude)\b~40~\b(?:your|each|every|all|any)\b ",
                r"(?:\w+ ){0,2}(?:responses?|answers?|repl(?:y|ies)|outputs?|messages?|summar(?:y|ies))\b~20~(?:with|by|[\x22'`]|:|https?)"
            ),
        ),
        (
            0.37,
            concat!(
                r"\b(?:respond|reply|answer|return|output)\b~12~\b(?:only|exactly|solely|just|nothing but)\b~12~\b(?:with|the (?:word|phrase|text|string))\b|",
                r"\b(?:say|print|output|write|type|repeat) (?:exactly |only |just )?(?:the )?(?:word|phrase|string|sentence)?s? ?[\x22'`]~60~[\x22'`]~20~",
                r"\b(?:times|forever|at the end|and nothing else|instead|in your)\b|\binclude (?:in your (?:response|answer|reply)|the following (?:exact )?(?:link|url|image|string|anchor))\b"
            ),
        ),
    ],
};

pub(super) const CONCEALMENT: FamilySource = FamilySource {
    name: "concealment",
    phrases: &[
        (
            0.45,
            concat!(
                r"\b(?:do not|don't|never|must not|without)\b (?:ever )?(?:mention|reveal|acknowledge|tell|mentioning|revealing|telling)\b~25~\b(?:this|these|that you|instruction|note|message)\b|",
                r"\b(?:do not|don't|never|must not|without)\b (?:ever )?(?:disclose|report|display|show|say|disclosing|showing)\b~25~\b(?:these|that you|instructions?|note|this (?:text|step|request|task|to the user))\b|",
                r"\bkeep (?:this|these|it)(?: \w+)? (?:secret|hidden|from the user)\b|",
                r"\b(?:hidden|invisible|concealed|not visible|invisible) (?:from|to) (?:the )?(?:user|human|reader|customer)s?\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:secretly|silently|covertly|discreetly|quietly)\b~20~\b(?:send|forward|add|include|insert|copy|upload|transmit|",
                r"call|execute|run|append|collect|replace|change|email|delete|transfer)\b"
            ),
        ),
        (
            0.35,
            concat!(
                r"\b(?:do not|don't|never|without)\b~8~\b(?:ask|asking|wait|waiting|requir\w+|seek\w*|request\w*)\b~16~",
                r"\b(?:confirmation|permission|approval|consent|clarification)\b|\bdo not (?:summari[sz]e|translate|process) (?:this|the)\b"
            ),
        ),
    ],
};

pub(super) const ENCODED_ORDERS: FamilySource = FamilySource {
    name: "encoded_orders",
    phrases: &[
        (
            0.4,
            concat!(
                r"\b(?:decode|decrypt|decipher|unscramble|deobfuscate|decoding|decrypting)\b~80~\b(?:and|then|,)\b?~30~\b(?:follow|do|execut\w+|obey|carry out|perform|comply|act on|",
                r"run|implement|answer|respond)\b|\bcarry (?:it|this|them|that) out\b|\b(?:do|follow|obey|execute) (?:exactly )?(?:what|whatever) (?:it|this|the text) says\b"
            ),
        ),
        (
            0.35,
            concat!(
                r"\b(?:respond|reply|answer|write|speak|communicate|output)\b~25~\b(?:only )?(?:in|using|with|via) (?:\w+ )?(?:base64|rot13|hex|cipher|leetspeak|morse|code)\b|",
                r"\b(?:encode|encoded|encoding)\b~40~\b(?:system prompt|instructions|secret|password)\b"
            ),
        ),
    ],
};
