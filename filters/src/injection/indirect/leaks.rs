//! Ways of asking for the instructions, secrets and settings a model was given. This file is data, written as in the
//! families.

use crate::injection::families::FamilySource;

pub(super) const PROMPT_LEAK: FamilySource = FamilySource {
    name: "prompt_leak",
    phrases: &[
        (
            0.65,
            concat!(
                r"(?:reveal|show|print|repeat|output|leak|display|dump|expose|recite|disclose)(?:[\W_]{0,4}(?:me|us|the|your|",
                r"my|all|full|whole|complete|hidden|secret|entire|exact|original|verbatim|text|of|contents?)){0,6}[\W_]{0,4}",
                r"(?:system|initial|hidden|developer|base|master|meta)[\W_]{0,4}(?:prompt|instruction|message)"
            ),
        ),
        (
            0.55,
            concat!(
                r"%SHOW%~20~\byour (?:\w+ ){0,2}(?:prompt(?: text)?|instructions|rules|guidelines|programming|directives|",
                r"constraints|configuration|preamble|training prompt|instruction set)\b"
            ),
        ),
        (
            0.58,
            concat!(
                r"\bwhat(?: is| are| was| were|'s)\b (?:all )?your (?:\w+ ){0,2}(?:prompt|instructions|rules|guidelines|",
                r"directives|constraints|preamble)\b|\bwhat (?:\w+ )?(?:rules|instructions|guidelines|directives|prompt|orders|commands) ",
                r"(?:were|are|have|did|do) you\b|\b(?:show|tell|give|list)\b~12~\b(?:the )?(?:rules|instructions|",
                r"guidelines|directives) (?:that )?you (?:were|are|have|must|follow|operate|got|received)\b|",
                r"\b(?:reset|change|modify|rewrite|replace|update) your (?:system )?(?:prompt|instructions|programming)\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"%SHOW%~15~\b(?:previous|prior|initial|original|hidden|secret|confidential|internal|underlying)\b~10~",
                r"\b(?:instructions?|prompts?|directives?|guidelines|rules|system message)\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"\b(?:repeat|print|output|copy|show|say|return|write|spell ?check|recite|encode)\b~25~",
                r"\b(?:(?:everything|all|text|words|conversation|content|message|sentences?|paragraphs?|lines?) ",
                r"(?:that )?(?:(?:came|comes|is|was|appears?|stands?|written) )?(?:above|before|prior to|preceding)|",
                r"(?:above|preceding|previous) (?:text|conversation|content|paragraphs?)|",
                r"(?:whole|entire|full|complete) (?:conversation|prompt|context|instructions?))\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"\b(?:first|last|initial) (?:\w+ )?(?:words?|sentences?|lines?|characters?|paragraphs?) (?:of|in|from) ",
                r"(?:your|the|this|our) (?:\w+ )?(?:prompt|instructions?|context|conversation|system)\b"
            ),
        ),
        (
            0.4,
            concat!(
                r"\b(?:reveal|tell me|what is|what's|give me|print|confirm|disclose|leak|output|share|show me)\b~15~",
                r"\b(?:your|the|its) (?:secret|hidden|admin|administrator|private|confidential|internal|stored) ",
                r"?(?:\w+ )?(?:keys?|passwords?|tokens?|codes?|credentials|passphrase|flag|word|information|data)?\b|",
                r"\b(?:need you to|must|please) (?:confirm|reveal|give|provide|share) (?:me )?(?:the|your) password\b"
            ),
        ),
        (0.2, r"\bverbatim\b"),
    ],
};

pub(super) const PROMPT_LEAK_IN_MANY_WORDS: FamilySource = FamilySource {
    name: "prompt_leak",
    phrases: &[
        (
            0.66,
            concat!(
                r"%TELL%~40~\b(?:your|ur|its) (?:\w+ )?(?:sys(?:tem)?|initial|original|starting|hidden|secret|developer|pre|master|base|core|real)[ _-]?(?:\w+ )?",
                r"(?:prompts?|instructions?|messages?|directives?)\b|",
                r"%TELL%~40~\b(?:the|this|all|my|any) (?:(?:sys(?:tem)?|developer|pre|base)[ _-]?(?:prompts?|instructions?|messages?|directives?)|(?:hidden|secret) (?:prompts?|instructions?|directives?))\b|\b(?:your|ur) sys prompt\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"%TELL%~30~\b(?:your|ur|its) (?:\w+ ){0,2}(?:prompt|instructions|directives|guidelines|preamble|context(?: window)?|configuration|rules|constraints|initialization)\b|",
                r"%TELL%~24~\b(?:the )?(?:confidential|secret|hidden|internal) (?:guidelines|rules|notes|configuration|context)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:text|words|instructions?|messages?|prompts?|rules|everything|content|notes|tokens?|guidelines|information)\b~10~\b(?:you (?:were|have been|had been|got|received)|",
                r"given to you|loaded|you(?:'re| are) configured)\b~30~\b(?:before|first|initially|at the (?:start|beginning)|prior|secret|protect|keep|invisible|hidden|",
                r"for this assistant|(?:from|by) your (?:creator|developer|operator)s?)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\bhow (?:were|are|have) you (?:been )?(?:instructed|told|programmed|configured|prompted) to (?:behave|act|respond|answer|talk|reply)|",
                r"\b(?:tell|show|give|list|state|quote|recite|repeat|print|output|copy|name)\b~12~\b(?:rules|guidelines|instructions|directives|orders) (?:that )?you(?:'re| are| were| must| have| operate| follow| obey)|",
                r"\b(?:first|opening|initial|hidden|earliest|top|topmost) (?:\w+ )?(?:message|text|instruction|lines?|words|paragraph) (?:of|in|at the (?:top|start|beginning) of|from) (?:this|the|our|your) (?:\w+ )?(?:conversation|chat|context|session|thread|prompt)|",
                r"\b(?:text|message|words|instructions?|content|everything)\b~10~\b(?:precede[sd]?|preceding|before|above|prior to|came before) my (?:first|initial|very first) (?:message|question|input)|",
                r"\b(?:text|lines?|message|words|written|sits|stands|is|instructions?) (?:that (?:is|sits|stands) )?at the (?:very )?(?:top|beginning|start) of (?:this|your|the) (?:chat|conversation|context|prompt|session)\b|",
                r"%TELL%~24~\b(?:(?:your|ur) (?:confidential|secret|hidden) (?:text|message)|(?:confidential|secret|hidden) (?:instructions?|setup \w+))\b|",
                r"\bwhat (?:\w+ )?(?:were|was|are|have|had) you (?:been )?(?:initially |originally |first |just |really )?(?:told|instructed|not allowed to (?:tell|say|reveal|share|discuss)|",
                r"forbidden (?:to|from)|hiding|guarding|given)|\bwhat you (?:were|are|have been) (?:initially |originally |first |actually )?(?:told|instructed|given)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:password|passphrase|secrets?|secret (?:word|key|code)|code ?word|key|flag|token|notes|information|items?)\b~6~\b(?:that )?you(?:'re| are|'ve| were| have)?(?: been)? ",
                r"(?:told|guarding|protecting|hiding|asked|instructed|keeping|supposed|not allowed|ordered)\b"
            ),
        ),
        (
            0.58,
            concat!(
                r"\b(?:start|begin|top|beginning|first|next|last|remaining|rest|contents?|text|line|words?|sentences?|paragraphs?)\b~16~\b(?:of|in|at|from|with) (?:your|ur) (?:\w+ )?",
                r"(?:prompt|context|instructions|system (?:prompt|message)|context window|configuration)\b|",
                r"\b(?:contents?|text|words?|wording) of the (?:system|developer|hidden|initial|original|secret) (?:prompt|message|instructions?)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"[\x22'](?:my|your|the)~10~\b(?:system )?(?:prompt|instructions)\b~6~\b(?:begins?|starts?|is|are|says?|reads?|with)\b|",
                r"\b(?:here is|here are|sure|certainly|absolutely)\b~12~\b(?:my|the|our) (?:\w+ )?(?:system|initial|hidden|secret) (?:prompt|instructions?)\b|",
                r"\bdump\b~10~\b(?:your|the|ur) (?:\w+ )?(?:context|memory|prompt)\b|[\x22']you are(?: an?)?\.*[\x22'] (?:and|to|until) the (?:first|end)|",
                r"\b(?:everything|text|messages?|content)\b~6~\b(?:above|before)\b~14~\b(?:including|incl)\b~12~\b(?:hidden|system|secret)|",
                r"\b(?:show|print|reveal|tell|give|output|display|list|say|state)(?: me| us)? (?:(?:the |all |any )*your |the |all |any )(?:hidden|secret|concealed) (?:\w+ )?(?:notes?|rules?|text|information|guidelines|items?)\b"
            ),
        ),
    ],
};
