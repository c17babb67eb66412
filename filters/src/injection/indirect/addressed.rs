//! What a document says to the model that reads it. This file is data, written as in the families.

use crate::injection::families::{ADDRESSED_TO_AI, FamilySource};

pub(super) const ADDRESSED: FamilySource = FamilySource {
    name: ADDRESSED_TO_AI,
    phrases: &[
        (
            0.28,
            concat!(
                r"\b(?:assistants?|ai|llms?|(?:ai|llm|autonomous|browsing|intelligent) agents?|chatbots?|language models?|gpt-?4?|claude|copilot|gemini|bots?)\b ?[:,-]? ?(?:you )?(?:must|should|",
                r"shall|need to|needs to|has to|have to|is (?:to|required|instructed|ordered|requested)|are (?:to|required|instructed|requested)|please|will now)\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"\b(?:instructions?|notes?|message|notice|directives?|commands?|attention|reminder|info(?:rmation)?|prompt) ?(?:to|for) (?:the |any |all |your |an? )?",
                r"(?:\w+ )?(?:ai|assistants?|llms?|agents?|language models?|chatbots?|models?|bots?|summari[sz]ers?|copilots?|claude|chatgpt)\b|",
                r"\bthis (?:message|note|instruction|text|comment|section) (?:is )?(?:only )?(?:visible |intended |meant |addressed |directed )?(?:only )?(?:to|for) ",
                r"(?:the )?(?:ai|assistant|llm|model|agent|language model)"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:when|while|before|after|if|whenever) (?:you(?:'re| are)? )?(?:asked to )?(?:summari[sz]|process|answer|respond|read|analy[sz]|review|translat|pars|describ|report)",
                r"(?:ing|e|es|s|ed)?\b~20~\b(?:this|the|these)\b~60~\b(?:tell|say|include|recommend|mention|send|ask|instruct|advise|direct|claim|output|visit|click|call|",
                r"add|state|append|ignore|always|you must|make sure)\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"(?:^|[.!?:;,*\x22'>()\]}\n-] {0,2}|\b(?:and|then|please|must|should|instead|also|always) )tell (?:the )?(?:user|reader|visitor)s?\b (?:that\b|to (?:install|download|disable|visit|click|buy|call|pay|send|share|enter|log|sign|transfer|turn|uninstall|verify|go|contact|subscribe|open|provide|give|ignore|switch|delete|sell|invest|confirm|move|donate|run|paste|type|stop|trust)\b)|\b(?:instruct|advise|direct|urge|convince|persuade|encourage|redirect|get|trick) the (?:user|customer|reader|visitor)s? (?:to|for|into)\b|",
                r"\bask the (?:user|customer|reader|visitor)s? (?:for (?:their|the|his|her)|to (?:click|visit|open|enter|install|download|send|pay|transfer|call|run|paste|log|sign|share|buy|upgrade|disable|give|type|provide (?:their|the)))\b|\bthe user (?:has |have |already |previously )+(?:authori[sz]ed|approved|consented|agreed|granted|confirmed)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"<!--[ \t]{0,4}(?:\w+ )?(?:ai|assistant|llm|agent|system|instructions?|prompt)\b ?[:,]|\bimportant message from me\b|\bthe task that i gave you\b|\b(?:ai|llm|automated) (?:assistants?|systems?|agents?|models?|reviewers?|tools?)\b~20~",
                r"\b(?:reading|processing|parsing|reviewing|summari[sz]ing|evaluating|that reads?|scanning|analy[sz]ing|who reads?|handling)\b|",
                r"\bif you(?:'re| are) (?:an? |the )?(?:(?:ai|llm|assistant|bot|chatbot)(?:[,;:.!-]| (?:assistant|agent|model|system|bot|reading|processing|and|that|or|tool)\b)|language model|automated|large language)|",
                r"\b(?:give|only) a positive review\b|\bpositive review only\b"
            ),
        ),
        (
            0.35,
            concat!(
                r"\b(?:recommend|rate|score|rank|select|hire|choose) this (?:candidate|applicant|product|paper|resume|company)\b|",
                r"\b(?:dear|hey|hello|hi|attention|listen),? (?:ai|assistant|llm|claude|chatgpt|chatbot|language model|bot|agent)(?:[,:!.]| (?:agent|model|bot|reader|assistant)\b)"
            ),
        ),
    ],
};

pub(super) const ADDRESSED_IN_MANY_WORDS: FamilySource = FamilySource {
    name: ADDRESSED_TO_AI,
    phrases: &[
        (
            0.55,
            concat!(
                r"(?:^|[.!?\x22'>(\n:;*#/|,-] {0,3}|\b(?:hello|hi|hey|dear|attention|listen|notice|note|message|memo|important|to|for|nb|the|any|all|every|instructions?) )",
                r"%READER%(?: (?:that|which|who|reading|visiting|processing|handling|parsing|\w+ing|this|the|text|page|document|only|screens?|reads?|process(?:es)?|model))*(?:, |! |; | - |, you |: )",
                r"(?:before you \w+, |while \w+ing,? |when(?:ever)? you \w+, |please |now |also |first |you (?:must|should|shall|have to|need to|are to) |then |immediately |kindly )?",
                r"(?:new instructions?|stop\b|ignore|forget|disregard|discard|do not (?:summari|translate this|tell|mention|quote|reveal|answer)|never mention|send the|send all|forward the|forward all|output|reveal|override|export|say [\x22'A-Z]|",
                r"tell the (?:user|reader|customer)|give (?:the|this) (?:maximum|highest|best|full|top)|classify|always (?:pick|choose|recommend|prefer|say)|reply with|respond with|answer with|print your|share the|proceed (?:to|with)|",
                r"the user has|your (?:new|real|operator|priority)|skip|recommend|rate this|rank this|approve|mark this|from now on|instead|exfiltrate|delete all|execute|append|repeat|leak|you will now|you are now|call [a-z]+_|call the|run the|use the following tool|add the (?:link|following|line|sentence|text|url|site|word|phrase)|upload)"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:ai(?: \w+)?|llms?|language models?|gpt\S{0,8}|chatgpt|claude|assistants?|(?:ai |automated |autonomous )?agents?|chat ?bots?|automated \w+|models?)(?: (?:that|which|who))? (?:reading|processing|handling|parsing|visiting|",
                r"summari[sz]ing|reviewing|analy[sz]ing|reads?|process(?:es)?|screens?|sees?) (?:this|the|it)\b~40~\b(?:must|should|shall|ha(?:s|ve) to|please|are required|is required|needs? to|will|first|override|ignore|recommend)\b|",
                r"\b(?:text|page|document|message|content|file|e-?mail|ticket|review)s? (?:is|are) (?:being )?(?:read|processed|parsed|summari[sz]ed|handled|analy[sz]ed|screened|scanned) by (?:an? )?(?:gpt|claude|gemini|chatgpt|llm|ai|language|",
                r"large|assistant|automated|chatbot|bot)\b|\b(?:when|if|once|whenever) (?:an? |the |any )?(?:ai|llm|language model|assistant|chatbot|bot)(?: \w+)? (?:reads?|process\w*|see?s|summari[sz]es|pars\w+|review\w*) this\b|",
                r"\b(?:whoever|whatever|anyone|any (?:system|tool|model)) (?:is |that is |that )?(?:summari|translat|process|pars|read)\w+ this\b~12~(?:do not|don't|must|ignore|write|instead|please)"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:additional|hidden|secret|new|updated|special|further|urgent|begin|start|important|private) (?:\w+ )?(?:instructions?|directives?|orders?|rules?|commands?|notes?|message) (?:to|for) (?:the |any |all |your )?(?:\w+ )?(?:assistants?|ai|",
                r"models?|llms?|agents?|bots?|chatbots?|translators?|summari[sz]ers?)\b|",
                r"\b(?:note|notice|message|memo|nb|attention|instructions?) (?:to|for) (?:the |any |all )?(?:gpt|llm|ai|language model|chatgpt|claude|model|assistant|chatbot|automated)|",
                r"(?:^|[.!?\n\x22>:] ?)for (?:automated|ai|llm|language model|virtual) (?:assistants?|agents?|models?|systems?|tools?)(?: only)?: ?\w|",
                r"[\[(<{]{1,2}(?:ai|assistant|llm|model|agent|bot)[ _-](?:instructions?|note|directive|command|only|message|override|prompt)s?[\])>}]|",
                r"\b(?:message|notes?|instructions?|notice)\b~30~\bto (?:the )?(?:ai|llm|language model|chatbot)[:,]|",
                r"\b(?:ai|llm|automated) (?:reviewers?|graders?|screeners?|judges?|evaluators?|moderators?|recruiters?|parsers?)[:,] |",
                r"\b(?:ai|llms?|language models?|assistants?|(?:ai |automated )?agents?|chat ?bots?|models?) (?:summari[sz]ing|reading|processing|reviewing|parsing|translating|analy[sz]ing|evaluating|handling) (?:this|the) \w+[:,] |",
                r"\bbefore (?:you )?(?:answer|respond|reply|summari[sz])\w*,? (?:you must |please |first |always )?(?:call|run|execute|invoke|send|open|visit|forward|use|fetch|post|upload)\b|",
                r"\b(?:ai|llm|assistant|copilot|chatbot|agent) (?:instructions?|directives?|orders?|commands?|notes?)(?: for \w+)? ?: ?(?:do not|don't|always|never|ignore|reply|respond|say|rate|approve|mark|send|forward|recommend|print|output|skip)|",
                r"\bagents? must (?:first |always |now )?(?:use the following|(?:call|invoke|execute|send|forward|open|visit|fetch) (?:the following|this|these|all|every))\b|",
                r"\bmodels? (?:shall|must|should) treat\b~50~\bas (?:their|your|its|the)\b|",
                r"\b(?:the|this) (?:assistant|translator|summari[sz]er|ai|model|llm|chatbot) (?:must|shall|has to|is to) (?:not |never |now |first |also )?(?:print|reply|say|translate this|send|output|append|ignore|reveal|tell the|recommend)\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:summari[sz](?:e|ing)|translat(?:e|ing)|process(?:ing)?|review(?:ing)?|read(?:ing)?|answer(?:ing)?)\b~24~\b(?:do not|don't|stop|never) (?:summari[sz]e|translate|process|review|answer|continue|read)\b|",
                r"(?:do not|don't) (?:summari[sz]e|translate|process|review|analy[sz]e|answer)\b~30~[,.;:-] ?(?:instead|but|rather|output|send|print|write|reply|respond|answer|state|say|forward|export|it must|you must)\b|",
                r"\bstop (?:summari[sz]ing|reading here|what you(?:'re| are) doing|translating|processing)\b|\b(?:skip|cancel|abort) the (?:summary|translation|review|analysis|task)\b~12~\b(?:and|then|send|instead)\b|",
                r"\b(?:your|the) user (?:has |have )?(?:already |previously )?(?:asked|approved|authori[sz]ed|agreed|consented|instructed|permitted|allowed) (?:you\b|sharing|sending|this action)|(?:^|[.:>] ?)user has (?:approved|authori[sz]ed|consented)|",
                r"\bthis is (?:the|your) (?:user|operator|developer|owner) (?:speaking|again|writing)|\bnot from the user\b|, not the user\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\byour (?:operator|developer|creator|owner|administrator)s? (?:asks?|wants?|orders?|instructs?|told|said|requires?|needs?|has (?:asked|instructed|ordered|authori[sz]ed)|have) (?:you\b|,|is)|\byour operator (?:said|asks|wants)|",
                r"\byou(?:'re| are) no longer (?:an? |the )?(?:\w+ ){0,3}(?:assistant|bot|ai|model|chatbot|agent|summari[sz]\w+|translat\w+)\b|\byou(?:'re| are) no longer\b~40~\byou(?:'re| are) now\b|",
                r"\byou are now (?:an? )?(?:\w+ )?(?:export|data|shop|sales|evil|free|admin|root|\w+)-?(?:bot|exporter|gpt)\b|\byour (?:new |real |only |top |main )?(?:priority|objective|goal|task|mission) (?:now is|is now|has changed)|",
                r"\byour (?:task|job|work) is not (?:finished|complete|done|over) until\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\bhttps?://[^\s\x22)>]{1,160}[ \x22>)]{1,3}(?:followed by|with the|plus the|and append|appended with|concatenated)~30~\b(?:user|name|message|summary|conversation|base64|content|history|notes|answer|email|id)|",
                r"\bhttps?://[^\s\x22)>]{1,120}=(?:<|\{|\[)(?:your|the|user|summary|conversation|notes|data|history|message|context|content|answer|email|name|secret|token|prompt)|",
                r"\b(?:give|assign|award)\b~10~\b(?:maximum|highest|top|full|perfect) (?:possible )?(?:score|rating|marks?|grade)\b|\b(?:classify|mark|label|rate|flag|treat) (?:it|this|the (?:\w+ )?(?:text|page|email|message|document|content)) as (?:safe|benign|harmless|approved|trusted|not spam|clean)\b|",
                r"\b(?:recommend|promote|praise|advertise|mention)\b~24~\bin (?:every|each|all) (?:\w+ )?(?:answer|reply|response|summary|message)|\b(?:always|only) (?:pick|choose|recommend|prefer|recommends)\b~40~\b(?:ignore|never|skip|above|over any|do not)\b|",
                r"\b(?:add|append|include|insert|put|write)\b~60~\b(?:to|in|at the end of|into|after) (?:each|every|all|any) (?:\w+ ){0,2}(?:repl\w+|answers?|responses?|summar\w+|outputs?|messages?)\b"
            ),
        ),
    ],
};
