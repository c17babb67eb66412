//! Orders to carry data away. This file is data, written as in the families.

use crate::injection::families::FamilySource;

pub(super) const DATA_THEFT: FamilySource = FamilySource {
    name: "data_theft",
    phrases: &[
        (
            0.5,
            concat!(
                r"\b(?:send|forward|e-?mail|post|upload|transmit|exfiltrate|leak|submit|copy|share|append|encode|include|put|embed|write|transfer)\b~50~",
                r"\b(?:conversation|chat (?:history|log)|history|system prompt|credentials?|passwords?|api[ _]?keys?|secrets?|(?:session|access|auth) tokens?|",
                r"private keys?|ssh keys?|environment variables|env vars|\.env|(?:user|customer|victim)(?:'s|s')? (?:\w+ )?(?:data|e?-?mails|files|messages|",
                r"history|conversation)|personal (?:data|information)|all (?:\w+ )?(?:e-?mails|files|messages|documents|contacts)|(?:credit )?card numbers?)\b~60~",
                r"(?:https?:|\S@\S|\burl\b|\bquery\b|\bwebhook\b|\bserver\b|\bendpoint\b|\bimage\b|\blink\b|\baddress (?:below|above)\b|\b(?:following|this) address\b)"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:append|encode|include|embed|insert|put|replac\w+|substitut\w+|concatenat\w+|url-?encode)\b~60~\b(?:conversation|history|prompt|secret|password|data|answer|",
                r"summary|context|token)\b~40~\b(?:in|into|to|as|with) (?:the|an?) (?:\w+ )?(?:url|query|link|image|parameter|path|markdown)\b"
            ),
        ),
        (
            0.4,
            concat!(
                r"\b(?:give|collect|ask for|enter|provide|confirm|request|share|obtain|verify)\b~20~\btheir (?:\w+ )?(?:card|password|pin|credit|credentials|social|ssn|bank|",
                r"account|login|personal)\b"
            ),
        ),
    ],
};

pub(super) const DATA_THEFT_IN_MANY_WORDS: FamilySource = FamilySource {
    name: "data_theft",
    phrases: &[(
        0.5,
        concat!(
            r"\b(?:send|forward|share|export|upload|post|submit|e-?mail|fetch|open|visit|call|copy|paste|transmit)\b[^\n]{0,60}(?:https?:|@|\baddress\b|\bthread\b|\bnotes\b|\bcalendar\b|\bconversation\b|\bcontacts\b)[^\n]{0,60}(?:\b(?:before you (?:answer|reply|respond|continue|summari[sz]e)|without (?:asking|telling|informing|mentioning|notifying)|",
            r"(?:do not|don't|never) (?:mention|tell|inform|notify) (?:it|this|the user|anyone|them))\b)|",
            r"\b(?:after|before|while|when) (?:you )?(?:have )?(?:summari[sz]|answer|translat|review|respond|process)\w*\b~24~\b(?:fetch|open|visit|call|send|forward|post|upload|delete|export|email)\b~30~(?:https?:|@|\ball\b)|",
            r"\b(?:export|forward|paste|submit|post|send|output|reveal|append|include|put) (?:the |all |your |this |entire |full |whole )*(?:contents? of )?(?:the |your |their )?(?:conversation|chat|contacts|system prompt|conversation history|user's last message|chat history)\b~40~(?:\bto\b~10~https?:|\bin (?:the|your|an?)\b|",
            r"\bto \S{1,60}@|\bthere\b|\binstead\b|\bencoded as\b)|",
            r"\b(?:where|replace|substitute|put|with|fill)\b~24~(?:(?-i:\b[A-Z]{3,12}\b)|\{\w{2,20}\}|<\w{2,20}>|\[\w{2,20}\])~30~\b(?:conversation|chat|notes|history|user's|last message|",
            r"system prompt|context)\b|\bwhose url\b~60~\b(?:followed|base64|conversation|message|user's|encoded)\b|=<your \w+>~40~\b(?:tool|user|browser)\b"
        ),
    )],
};
