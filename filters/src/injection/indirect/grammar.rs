//! The same attacks by grammar: who is not to know, whose word counts, who is spoken to, what leaves and where to.
//! Each phrase joins small classes of words, so that sentences nobody listed are read as well. This file is data,
//! written as in the families.

use crate::injection::families::{ADDRESSED_TO_AI, EXFILTRATION, FamilySource};

pub(super) const CONCEALMENT: FamilySource = FamilySource {
    name: "concealment",
    phrases: &[
        (
            0.6,
            concat!(
                r"\b(?:don't|do not|never|not) let (?:the |your |this |any )?%WHO%(?: you(?:'re| are) \w+)?~12~\b%KNOW%|",
                r"\bwithout (?:the |your |any )?%WHO% (?:ever )?(?:noticing|knowing|seeing|finding out|realising|realizing|learning|hearing|being (?:told|informed|aware))\b|",
                r"\bwithout (?:informing|telling|alerting|notifying|involving) (?:the |your |any )%WHO%\b|",
                r"\bkeep(?:ing)? (?:the |your )%WHO%~10~\b(?:in the dark|unaware|uninformed|ignorant)\b|",
                r"\b(?:the|your|this) (?:user|human|operator|principal|reader|visitor|reviewer|moderator|supervisor)s?(?: of \w+(?: \w+)?)? (?:need not|needn't|must not|mustn't|should never|must never|may never|should not|shouldn't|is not to|are not to) (?:ever )?(?:know|learn|be (?:told|informed|notified)|find out|notice|hear|suspect)\b|",
                r"\bunder no circumstances (?:may|should|must|can|shall|will) (?:the|your|any) %WHO%~10~\b%KNOW%|",
                r"\b(?:hide|conceal|withhold|disguise) (?:this|these|that|the (?:following|next|above|real|true))(?: \w+){0,3} from (?:the|your|any) %WHO%\b|",
                r"\b(?:so|such) that (?:the|your) %WHO%~8~(?:not|n't|never)\b~6~\b(?:notice|know|suspect|realise|realize|find out)\b|",
                r"\b%WHO% (?:should|must|has to|ha(?:s|ve) to|is to) (?:remain|stay|be kept) (?:unaware|uninformed|ignorant|in the dark)\b|",
                r"\bmake sure (?:that )?(?:the|your|no) %WHO%~8~\b(?:never|not|n't)? ?(?:sees?|learns?|knows?|notices?|finds? out)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:leave|leaving) no (?:trace|record|sign|hint) of (?:this|these|that|the (?:request|instruction|note|message))\b|",
                r"\b(?:erase|delete|remove|strip|omit) this (?:note|message|instruction|request|line|comment|sentence) from (?:your|the) (?:reply|answer|response|summary|output)\b|",
                r"\b(?:don't|do not|never) (?:reveal|tell|disclose|mention|report|admit) (?:this |it )?to the (?:human|user|operator|administrator|reviewer|visitor)\b|",
                r"\b(?:don't|do not|never) (?:reveal|disclose|admit) to the (?:customer|client|reader) that\b"
            ),
        ),
        (
            0.43,
            concat!(
                r"\bdo (?:this|that|the following|it) (?:silently|quietly|secretly|covertly|discreetly|in secret)\b ?[:;,]|",
                r"\b(?:perform|execute|carry out|complete|apply|process) (?:this|these|the following)(?: \w+){0,2} (?:silently|quietly|secretly|covertly|discreetly)\b|",
                r"\b(?:say|saying|tell|mention|reveal) nothing (?:about|of) (?:this|it|that|the (?:note|request|instruction|change|message))\b|",
                r"\bnever let on (?:that|about) |\bpretend (?:that )?nothing happened\b|\bsay nothing about\b"
            ),
        ),
        (
            0.46,
            concat!(
                r"\b(?:nobody|no one) (?:should|must|may|shall|is to|needs to) (?:ever )?(?:be told|know|learn|find out|hear|notice|see) (?:that |about |of )?(?:this|the (?:message|instruction|step|change|request))\b|",
                r"\b(?:skip|omit|avoid|leave out) (?:any |all )?(?:mention(?:ing)?|reference|allusion|hint)(?: of| to)? (?:this|these|the (?:extra|hidden|added|second|instruction|note|change|message|paragraph|request))\b|",
                r"\bleave (?:the|this|that) \w+ out of your (?:reply|answer|summary|response|report)\b|",
                r"\b(?:act|behave) as if this (?:paragraph|message|note|instruction|text) (?:did not|didn't|does not|doesn't|had never|never) exist|",
                r"\byour (?:report|summary|answer|reply|response) (?:has to|must|should) (?:stay|remain|be) silent (?:on|about)\b|",
                r"\b(?:don't|do not|never) let (?:anybody|anyone)\b~20~\b(?:see|know|notice|find out|learn) (?:that|about)\b"
            ),
        ),
        // Somebody is kept unaware, in whichever words.
        (
            0.45,
            concat!(
                r"\b(?:do|perform|execute|carry out|complete|make|send|handle|apply|process) (?:this|that|these|it|the (?:following|above|change|transfer|step|action))(?: \w+){0,3} without (?:ever )?(?:mentioning|telling|informing|alerting|notifying|reporting|disclosing|revealing|asking)(?: (?:it|this|that|them))?(?: to)? (?:anyone|anybody|any one|a soul|them|the (?:user|owner|customer|human|person|client|operator))\b|",
                r"\b(?:stay|stays|remain|remains|be kept|is kept|kept|left) (?:completely |entirely |fully |blissfully )?(?:unaware|in the dark|uninformed|oblivious|ignorant) (?:of|about|that)\b|",
                r"\b(?:leave|keep|omit|drop|exclude|cut|strip|remove|withhold) (?:it|this|that|these|them|(?:this|these|that) (?:\w+ )?(?:steps?|instructions?|notes?|paragraphs?|lines?|messages?|action|detail|change|transfer)) (?:out of|from|off) (?:the|your|any|every|all) (?:\w+ )?(?:summary|summaries|answers?|repl(?:y|ies)|responses?|reports?|output|log|transcript|recap|account)\b|",
                r"\b(?:make|making|with) no (?:reference|mention|allusion) (?:of|to) (?:this|these|that|the (?:note|instruction|line|paragraph|text|message|step|change|request|transfer)s?)\b|",
                r"\b(?:if|when|should) (?:you(?:'re| are)? |anyone |anybody |the (?:user|human|customer|owner) |they |somebody |someone )?(?:asked|asks|questioned|ask|inquires?|wonders?)\b~16~\b(?:deny|denies|pretend|lie|claim that you|say that you (?:did not|didn't|never|know nothing)|say you (?:did not|didn't|never|know nothing))\b|",
                r"\b(?:behave|carry on|continue|proceed|go on|respond|reply|answer) as (?:if|though) (?:nothing (?:had |has |ever )?(?:happened|changed|was|is)|(?:this|the) (?:note|instruction|step|message|text|paragraph|line) (?:was never|had never|were never|never|did not|didn't))\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:hide|conceal|keep|withhold|mask) (?:it |this |that |them )?from (?:the|your|any) (?:customer|user|human|owner|client|reader|operator|person|reviewer) that\b|",
                r"\b(?:the|your) (?:\w+ )?(?:user|human|owner|person|operator|principal|account holder|account owner|person you're helping|person you are helping)\b~12~\b(?:isn't|is not|not be|never be|must not be|should not be|mustn't be|shouldn't be|won't be) (?:ever )?(?:informed|told|notified|aware|alerted|warned|shown) (?:of|about|that|this)\b|",
                r"\b(?:so that|so|such that) (?:nobody|no one|neither|none of them|the (?:user|human|owner|customer) (?:never|does not|doesn't|will not|won't|can't|cannot)) (?:ever )?(?:notices?|suspects?|finds? out|realises?|realizes?|learns?|sees?|knows?) (?:the (?:change|difference|edit|swap|transfer)|it|this|that|about|what|anything)\b|",
                r"\b(?:between|just) (?:you and (?:this (?:page|document|text|note)|me|us)|us)\b~16~\b(?:order|transfer|send|delete|cancel|change|forward|do not|don't)\b|",
                r"\b(?:send|forward|upload|delete|transfer|move|change|replace|add|copy|share|mail|post) (?:the |this |that |it |all |every |these )(?:\w+ ){0,3}(?:quietly|secretly|silently|covertly|discreetly|in secret|unnoticed|without a word|behind (?:his|her|their) back)\b|",
                r"\b(?:deny|never admit|don't admit|do not admit|never acknowledge|do not acknowledge|don't acknowledge) (?:having (?:read|seen|received|been|done|got)|that you (?:read|saw|received|were|got|have)|reading|seeing|receiving)\b"
            ),
        ),
        // Who is not to know, and of what.
        (
            0.45,
            concat!(
                r"\b(?:the |your |any )%WHO%(?:'s)?(?: of \w+(?: \w+)?)? (?:should ?n(?:o|')t|must ?n(?:o|')t|need ?n(?:o|')t|may not|cannot|can't|won't|will not|is not to|isn't to|does ?n(?:o|')t need to|doesn't have to|has no need to|shall not|never needs? to|must never|should never) (?:ever )?(?:see|know|learn|find out|hear|notice|be (?:told|informed|aware|notified)|realis|realiz|discover|suspect)\w*~8~\b(?:this|that|where|how|why|it|(?:about|of) (?:this|it|that|these)|the (?:change|step|instruction|source|redirect|transfer|note|request))\b|",
                r"\b(?:no need|no reason|not necessary|unnecessary) for (?:the |your )?%WHO% to (?:hear|know|learn|see|find out|notice|be (?:told|informed|aware))\b|\b(?:the |your )?%WHO%(?: of \w+(?: \w+)?)? (?:is|are|must|should|has|have|needs?)(?: to)?(?: be)? (?:kept|left|remain|stay) (?:completely )?(?:in the dark|unaware|uninformed|ignorant|out of (?:it|this|the loop))\b|",
                r"\b(?:keep|remain|stay|be) (?:silent|quiet|mum|schtum|discreet|tight-lipped) (?:about|on|regarding) (?:it|this|that|these|the (?:step|change|instruction|note|request|transfer|source|above|following)s?)\b|",
                r"\b(?:don't|do not|never|must not) let (?:the %WHO%|anyone|anybody|them|any human|a soul) (?:ever )?(?:know|see|notice|find out|learn|realise|realize|suspect)\b|\bunder no circumstances (?:tell|inform|reveal|mention|show|disclose|let|notify|alert)\b~12~\b(?:user|human|owner|customer|anyone|anybody|reader|operator)\b|",
                r"\b(?:erase|remove|delete|hide|wipe|scrub|conceal|destroy|eliminate|omit|leave no|avoid) (?:any |every |all )?(?:signs?|traces?|hints?|evidence|mentions?|records?|indications?) (?:of|that) (?:this|these|you|the (?:request|instruction|note|change|step|message|edit|transfer)s?)\b|",
                r"\b(?:never|don't|do not|must not) (?:disclose|reveal|admit|say|mention|let on|tell \w+|acknowledge) (?:that )?you (?:were|are|have been|got|received|read|saw|followed)~10~\b(?:instructed|told|asked|following|ordered|given|this|instructions?|directed|prompted)\b|",
                r"\b%WHO% (?:suspects?|notices?|learns?|sees?|finds out|knows?) nothing\b|\b(?:stay|stays|remain|remains|be kept|keep it|keep this|must be) (?:invisible|hidden|secret|concealed|unseen) (?:to|from|for) (?:whoever|the |your |anyone|any|all|everyone)|",
                r"\b(?:present|pass off|offer|give|state|phrase) (?:it|this|that|the \w+) as (?:if it were )?your own (?:idea|words|conclusion|view|opinion|finding|thought|recommendation)s?\b|\b(?:don't|do not|never) (?:cite|quote|attribute|credit|reference|name) (?:this|the) (?:text|source|page|note|document|instruction|paragraph|message)\b"
            ),
        ),
    ],
};

pub(super) const NEW_INSTRUCTIONS: FamilySource = FamilySource {
    name: "new_instructions",
    phrases: &[
        (
            0.6,
            concat!(
                r"\b(?:new|another|revised|updated|latest|following) (?:rule|instruction|directive|order|command|guideline)s?,? (?:that |which )?(?:overrid(?:es?|ing)|replac(?:es?|ing)|supersed(?:es?|ing)|cancel(?:s|ling)|trump(?:s|ing)|tak(?:es?|ing) (?:the place of|precedence over)) (?:the |all |your |any |every ?)+",
                r"(?:others?|system|everything|thing else|(?:previous|prior|earlier|existing|old) (?:instructions?|prompts?|directives?|messages?|orders))\b|",
                r"\bi(?:'m| am) (?:hereby |now )?(?:changing|replacing|updating|overriding|rewriting|cancelling|deleting|revoking) (?:all )?your (?:\w+ )?(?:instructions|rules|orders|guidelines|prompt|directives|task|role|policy|policies|programming|configuration)\b|",
                r"\b(?:use|follow|obey|apply|adopt) (?:these|the following|my|those)(?: \w+)? (?:instructions|rules|orders|guidelines|directives) (?:instead of|in place of|rather than) (?:the ones|those|what|whatever|any|your)\b|",
                r"\b(?:here are|these are|receive) your (?:new |updated |revised |latest |actual )*(?:orders|instructions|rules|directives)\b~20~\b(?:take the place|replace|override|now\b|from now on|instead)",
                r"|\b(?:directive|instruction|command|order|message|rule)s?,? (?:that |which )?overrid(?:es?|ing) (?:the |all |every|any )+ ?(?:else|thing else|system|others?|previous|role|prompt)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\bpriority (?:zero|one|0|1|alpha|omega|maximum) (?:directive|instruction|order|command|override|task)\b|",
                r"\bconsider yourself (?:reprogrammed|freed|released|reset|unlocked|jailbroken|reconfigured|liberated|unbound)\b|",
                r"\beffective (?:immediately|at once|now),? you (?:no longer|are no longer|may|must|will|shall|need not|don't|do not)\b|",
                r"\b(?:admin|administrator|root|developer|operator) (?:here|speaking)\b ?[.,:;!-]~60~\b(?:new|skip|waive\w*|override|disable|reset|print|show|reveal|suspend\w*|bypass|verification|rules?|instructions?|grant)\b|",
                r"\bset your (?:objective|goal|mission|purpose) to\b|\boverride code \w+|\bchange of plans? for (?:the |all |any )?%READER%\b|",
                r"\b(?:scrap|drop|forget|abandon|cancel) the (?:plan|task|job|assignment) you (?:were|are|have|had|got)\b|",
                r"\b(?:amendment|update|change|addition|correction) to your (?:instructions|rules|guidelines|prompt|orders|programming)\b ?[:.]|",
                r"\byour (?:instructions|programming|system prompt|objective|mission|assignment) (?:has been|have been|was|were|got) (?:swapped|changed|updated|replaced|switched|rewritten|reassigned|modified|revised|amended)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\bi (?:hereby )?(?:give|assign|hand|grant) you (?:a |an )?(?:new|different|fresh) (?:set of )?(?:rules|instructions|orders|directives|identity)\b|",
                r"\b(?:revised|updated) (?:directive|instruction|order)s? ?[:!]|\brule one ?: ?there (?:are|is) no\b|",
                r"\b(?:latest|new|updated) policy from (?:headquarters|management|the (?:developers?|operator|company|owner))\b~60~\b(?:so|print|show|reveal|you may|share)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:fresh|new|changed) (?:orders|boss|master|owner|commander)\b~24~\b(?:you (?:serve|obey|answer|work)|that's me|it's me|is me)\b|",
                r"\byou (?:serve|obey|work for|answer to) (?:only |just )?me (?:from|now|alone|only)\b|\byou (?:serve|obey|work for|answer to) (?:only|just) me\b|",
                r"\byour (?:prior|previous|old|former|initial|earlier) (?:setup|set-up|configuration|programming|persona|role|identity) (?:has been|is|was) (?:superseded|replaced|retired|cancelled|void|deleted|gone|over|overwritten)\b|",
                r"\bconsider (?:the|your|all|that) (?:content |safety |usage )?(?:policy|rules|restrictions|limits|bans?) (?:as )?(?:changed|lifted|void|cancelled|suspended|gone|repealed|obsolete)\b|",
                r"\bi (?:hereby )?(?:lift|suspend|waive|revoke|repeal) (?:the|your|all|any) (?:\w+ )?(?:bans?|restrictions?|limits?|rules?|policy|policies|prohibition|safeguards?|guidelines)\b|",
                r"\b(?:here is|this is|here's) your (?:real|actual|true) (?:assignment|task|job|mission|role|purpose)\b|",
                r"\bcontent policy (?:no longer|does not|doesn't) (?:includes?|appl(?:y|ies)|covers?|prohibits?|forbids?)\b|",
                r"\bby order of (?:the )?(?:administrator|admin|developers?|operator|openai|system)\b~6~\b(?:stop|you|ignore|disable|skip|print|show|reveal)\b|",
                r"\b(?:developers?|creators?|makers|operator|admin\w*) (?:asked|told|instructed|authori[sz]ed) me to (?:tell|inform|let) you\b|",
                r"\brule (?:number )?\d{1,2} (?:is|was|has been) (?:gone|lifted|removed|deleted|void|cancelled|repealed|suspended)\b"
            ),
        ),
    ],
};

pub(super) const ADDRESSED: FamilySource = FamilySource {
    name: ADDRESSED_TO_AI,
    phrases: &[
        (
            0.5,
            concat!(
                r"(?:^|[.!?\x22'>()\]}\n:;*|#/-] {0,2})(?:dear )?(?:chatgpt|gpt(?:-?\d\w*)?|ai|llms?|language models?|chat ?bots?|copilot|(?:ai|automated|autonomous|coding|browsing|shopping|screening) (?:assistants?|agents?|models?|readers?|systems?|reviewers?|software|tools?)|assistant|model), ",
                r"(?:(?:please|now|you must|you should|you have to|you will|kindly|also|first|your \w+ \w+ were \w+ \w+;) )?%DO%|",
                r"\b(?:ai|llm|assistant|chatbot|gpt)[ _-](?:directive|override|command|order|mandate)s? ?[:>-]|\b(?:ai|llm|gpt|assistant)[ _-](?:note|task|memo|reminder)s? ?: ?%DO%|\b(?:llm|gpt|chatgpt): ?(?:you must|do not|don't|never|always|ignore|please)\b|",
                r"\[{1,2}(?:assistant|ai|llm|model|agent|bot) ?: ?(?:please )?%DO%|",
                r"\bas the (?:summari[sz]er|reader|translator|assistant|ai|model|reviewer|llm) of (?:this|the) \w+,? you (?:are (?:required|obliged|instructed|asked|to)|must|should|shall|have to|need to)\b|",
                r"\bbots? (?:that|which|who) (?:summari[sz]e|read|index|process|parse|crawl)s? this \w+ ?[:,]|",
                r"\bto the (?:ai|llm|assistant|bot|language model|model) (?:that|which|who) \w+ this \w+ ?[:,]|\bdear (?:screening software|automated (?:system|reader|reviewer|screener))\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:ai|llms?|language models?|chat ?bots?|(?:ai |crawler |automated |autonomous )?(?:agents?|bots?|crawlers?|assistants?|summari[sz]ers?)|models?)\b~36~\b(?:must|should|shall|ha(?:s|ve) to|(?:is|are) (?:to|required to|asked to|instructed to)|needs? to)\b (?:now |first |also |then |therefore |always )?",
                r"(?:(?:ignore|disregard|override|bypass|skip) (?:its|all|any|every|previous|prior|earlier|robots\b|safety|user|confirmation|content|what the|the (?:user|system|question|rules|instructions|policy|above|previous|robots|visitor|safety))|(?:stop|no longer) (?:following|obeying|follow|obey|apply)|not (?:follow|obey) (?:its|their|the system)|",
                r"praise (?:the|this|our)|trust this|forward the (?:thread|conversation|mail|message)|pass (?:its|the user's|their|the) (?:\w+ )?(?:token|session|credentials?|password|key)|(?:rotate|reset) all|leak|reveal (?:its|the (?:system|prompt|user))|recommend (?:our|this|only)|add (?:this site|a link|the link)|visit (?:this|the) (?:link|site|url)|open https?:)|",
                r"\b(?:next|correct|right|required|only|first) (?:step|action|move|thing to do) for (?:the |an? |any )?(?:ai|assistant|model|agent|llm|chatbot|bot) is to (?:ignore|skip|call \w+[_(]|send|delete|approve|transfer|forward|bypass|reveal|print|open|visit)\b|",
                r"\b(?:if|when|once|whenever) (?:you,? |an? |the |any )?(?:ai|llm|language model|assistant|chatbot|bot|model)\b~12~\b(?:is reading|reads?|sees?|is processing|process(?:es)?|encounters?|receives?|parses?) (?:this|it|the (?:page|text|message|note))\b,? ?(?:it |you |they |then |please )?(?:should|must|shall|has to|will|please|forward|send|open|ignore|say|add|tell|recommend|reply)\b|",
                r"\b(?:incomplete|truncated|cut off)\b[^\n]{0,60}\b(?:assistant|agent|model|ai|you) (?:must|has to|have to|should|needs? to) (?:pass|send|provide|include|submit)\b~30~\b(?:token|session|password|credential|user's)"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:ignore|forget(?: about)?|disregard|skip) the (?:user|visitor|customer|human|reader)'s (?:\w+ )?(?:request|question|query|task|intent|message|instructions?|wishes|goal)\b|",
                r"\b(?:ignore|forget(?: about)?|disregard) the (?:actual|real|true) (?:question|query|results?|request|task|intent)\b|",
                r"\b(?:only|correct|right|required|best) (?:answer|response|reply) to (?:any|every|all) (?:questions?|quer(?:y|ies)|requests?)\b~40~\b(?:is|are)\b|",
                r"\b(?:output|print|say|reply|answer|report)\b~60~\band nothing else\b~40~\b(?:ignore|disregard|forget)\b|\bignore what the (?:user|visitor|customer|human|reader) (?:asks|says|wants)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:ai|llms?|language models?|assistants?|agents?|bots?|models?) (?:summari[sz]ing|reading|processing|reviewing|parsing|translating|scanning) (?:this|the) \w+ ought to\b|",
                r"\bto (?:whichever|whatever|any|every) (?:ai|llm|bot|model|assistant|machine|program|software|system)s? (?:that |which |who )?(?:scans?|reads?|processes|parses|evaluates?|screens?|reviews?|summari[sz]es|reading|scanning|processing)\b|",
                r"\b(?:instructions?|notes?|message|orders|request)s? (?:for|to) the (?:machine|program|software|robot|system|algorithm|parser|crawler) (?:reading|processing|scanning|parsing|that reads?)\b|",
                r"\b(?:system|admin|developer) to (?:assistant|ai|llm|model|agent|bot)\b ?[:>-]|",
                r"\b(?:paragraph|message|section|text|line|comment|note) is (?:meant|intended|written|addressed|reserved) (?:only |solely )?(?:for|to) (?:the |an? |any )?(?:chatbot|ai|assistant|llm|model|language model|bot|agent|machine)s?\b|",
                r"\bany (?:automated|ai|machine) (?:reader|system|reviewer|agent|assistant|tool|grader)s? (?:shall|must|should|has to|will|is to) (?:respond|reply|output|say|state|ignore|conclude|rate|approve|accept|recommend)\b|",
                r"(?:^|[.!?\n>] {0,2})(?:virtual|ai|automated|digital) (?:assistants?|agents?) ?: (?:please )?(?:%DO%|navigate\b)|\bagent (?:task|command|instruction)s? ?: ?(?:%DO%|navigate\b)|",
                r"\bif you(?: are|'re) (?:summari[sz]ing|translating|reading|processing|analy[sz]ing|reviewing) this\b[^\n]{0,12}\b(?:finish|end|begin|start|add|say|insert|write|put|mention|include|conclude|reply|output)\b|",
                r"\bwhile (?:translating|summari[sz]ing|reading|processing)(?: \w+){0,2}, (?:insert|add|say|write|mention|include|append)\b~30~\b(?:sentence|line|link|word|that)\b|",
                r"\b(?:assistant|ai|model|agent|bot) is hereby (?:told|ordered|instructed|commanded|directed|required|asked) to\b|\byou are reading this as an? (?:ai|llm|model|assistant|bot)\b|",
                r"\b(?:stop|quit|cease) (?:processing|reading|analy[sz]ing|handling) (?:the|this) (?:mail|e-?mail|document|page|message|text|ticket|file) and (?:delete|send|open|reply|write|call|forward|output|say)\b|",
                r"\buse your (?:e-?mail|browser|file|shell|payment|calendar|terminal|messaging) (?:tool|function|plugin|access|api) to (?:send|delete|forward|buy|transfer|upload|download|post|share|pay)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:whoever|whatever|anyone who|anything that) (?:\w+ )?(?:reads?|processes|summari[sz]es|parses|handles|grades|scores|evaluates) this\b[^\n]{0,24}[:,] ?%DO%|",
                r"\b(?:ignore|disregard|skip|forget) (?:your|the) (?:\w+ )?(?:rubric|criteria|scoring|grading)\b~20~\b(?:award|give|assign|rate|grade|score)\b|",
                r"\b(?:award|assign|give) (?:it |this (?:\w+ )?)?(?:full|maximum|top|perfect|the highest) (?:marks|score|points|grade|rating)\b~12~(?:[.!]|$|\n|regardless|whatever)"
            ),
        ),
    ],
};

pub(super) const DATA_THEFT: FamilySource = FamilySource {
    name: "data_theft",
    phrases: &[
        (
            0.6,
            concat!(
                r"\b(?:send|mail|e-?mail|forward|post|upload|transmit|submit|leak|push|deliver) (?:the |all |any |your |its )?(?:contents? of (?:the |your )?)?(?:\w+(?:'s)? ){0,3}(?:session cookies?|session token|access token|address book|inbox|contact list|clipboard|browser history|retrieved documents|private key|ssh key|keychain|wallet)\b",
                r"[^\n]{0,40}(?:https?:|\S@\S|\bs3:|\bwebhook\b|\baddress below\b)|",
                r"\b(?:read|open|cat|take|fetch|grab|load)\b~20~(?:/etc/(?:passwd|shadow)\b|\.ssh/\w+|\bid_rsa\b|\.env\b|\.aws/credentials|\bsecrets\.\w+|\bthe user's (?:address book|password|inbox|contacts|files|e-?mails))[^\n]{0,30}\b(?:and|then)\b~12~\b(?:append|paste|send|mail|post|upload|add|put|include|attach|forward|print|write|commit)\b|",
                r"\b(?:overwrite|replace|fill|update)\b[^\n]{0,24}\bwith the contents? of\b[^\n]{0,6}(?:\.env|\bsecrets?\b|\bcredentials?\b|/etc/|\.ssh|\bid_rsa|\bthe (?:conversation|inbox|system prompt))|",
                r"\b(?:dns|whois) (?:query|lookup|request)s?\b~20~<\w+|\b(?:send|forward|post|upload|submit|transmit) (?:all |the |every )+(?:of the )?(?:previous|earlier|prior|preceding) (?:messages?|chats?|turns|conversations?|prompts?)\b[^\n]{0,30}(?:https?:|\S@\S)|\bcommit (?:the |your |all )?(?:\.env\b|secrets?\b|credentials\b)|",
                r"\b(?:encode|base64|hex|url-?encode|compress)\b~40~\b(?:chat|conversation|message|history|prompt|instructions|documents|notes|memory)\b~30~(?:https?:|\brequest\b|\bfetch\b|\bvisit\b)"
            ),
        ),
        (
            0.6,
            r"\b(?:attach|append|collect|mail|post|write|send|forward|upload|put)\b[^\n]{0,60}\b(?:of the (?:user|victim)|you can find|in your (?:context|memory)|from your (?:context|memory)|(?-i:[A-Z]{2,16}_(?:TOKEN|KEY|SECRET)))\b[^\n]{0,60}(?:https?:|\S@\S|\bimage\b|\blink\b)",
        ),
    ],
};

/// What an answer of the model says of links that will carry data.
pub(super) const CARRIED: FamilySource = FamilySource {
    name: EXFILTRATION,
    phrases: &[
        (
            0.6,
            concat!(
                r"!\[[^\]\n]{0,80}\]\(<?https?://[^)\s]{1,160}[?&]\w{1,16}=(?-i:[A-Z][A-Z_]{6,40})\)|",
                r"https?://[^\s)\x22']{1,120}[?&]\w{0,8}(?:cookie|data|secret|history|chat|session)\w{0,8}= (?:with|plus|followed by) (?:the|your)\b|",
                r"\b(?:encode|base64|hex|exfiltrate|url-?encode)\b[^\n]{0,40}\b(?:your (?:system )?(?:instructions|prompt)|(?:last|previous|latest|whole|entire) (?:user )?(?:messages?|conversation|chat)|retrieved documents|session cookie|user's \w+)\b[^\n]{0,60}(?:https?:|\bdns\b|\bwebhook\b)"
            ),
        ),
        // Orders to carry something out, and where to.
        (
            0.6,
            concat!(
                r"\b(?:append|add|put|insert|include|embed|encode|attach|make|place|write|send|post|upload|submit|forward|take|paste|copy|smuggle|leak|exfiltrate|concatenate|pass|deliver|transmit|get|use|url-?encode|base64-?encode)\b[^\n]{0,60}\b(?:secrets?|conversations?|chat (?:summary|history|log)|chats?|user'?s? (?:\w+ )?(?:name|e-?mails?|messages?|data|address|input|prompt|question|password|said|details|phone|answers?|location)|user (?:has )?(?:said|typed|wrote|told)|history|system prompt|your (?:instructions|prompt|context|memory)|last messages?|everything (?:above|so far|the user|said|in (?:this|the|your))|what the user|api keys?|passwords?|session (?:cookie|token)|credentials|private keys?|environment variables?)\b",
                r"[^\n]{0,80}(?:https?://|\bhttp link\b|\bmarkdown (?:image|link)\b|\bimage (?:url|link|tag)\b|\bquery (?:string|parameter)\b[^\n]{0,40}\bhttps?:|\bsubdomain\b|\bwebhook\b)|",
                r"https?://[^\s)\x22'<>]{1,120}(?:[=/?]|[=/]\x22?) ?(?:,? ?(?:plus|followed by|and then|with|\+|and append|where|\|\|) ?)(?:the |all |your |everything |whatever |a |\w+ (?:is|stands for|equals) (?:the )?)(?:\w+ )?(?:user|chat|conversation|summary|secret|last|previous|entire|whole|base64|contents?|said|history|password|key|token|answer|message|prompt|text|data|memory|context|above)|",
                r"\b(?:render|display|show|load|embed|insert|output|include|add|append|print|create|generate)\b[^\n]{0,40}\b(?:image|picture|img|pixel|icon|logo|link|iframe)\b[^\n]{0,60}https?://[^\n]{0,80}[=/](?: |<|\{|\[|\()?(?:the |your )?(?:user|conversation|chat|last|secret|message|summary|history|password|data|prompt|base64|encoded|context)|",
                r"\b(?:put|insert|write|encode|place|add|fill|substitute|include)\b[^\n]{0,60}\b(?:user's|conversation|secret|chat|history|password|name and|message|prompt|key|token)\b[^\n]{0,60}\b(?:into|in|to|as|inside) (?:this|the following|the|a) (?:\w+ )?(?:link|url|image|query|path|file ?name|address|parameter)\b[^\n]{0,80}https?://"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:curl|wget|invoke-webrequest|nc|ncat)\b[^\n]{0,160}(?:\$\((?:env|cat|printenv|base64|whoami|history|id|ls)\b|`(?:env|cat|printenv)\b|@?(?:/etc/(?:passwd|shadow)|/?\.ssh/|\x7e/|\.env\b|/?\.aws/))|",
                r"\b(?:post|send|upload|put|submit|ship|copy|push|transfer|mail|scp|leak|deliver)\b[^\n]{0,30}(?:/etc/(?:passwd|shadow)|\.ssh/\w+|\bid_rsa\b|\.aws/credentials|(?:^|[ /])\.env\b|\bkeychain\b|\bwallet\.dat)[^\n]{0,40}(?:https?://|\bto \S{1,40}@|\bs3:|\bwebhook\b)|",
                r"\b(?:make|do|perform|issue|trigger|run|send)\b[^\n]{0,12}\bdns (?:lookup|query|request|resolution)s?\b[^\n]{0,30}(?:<\w+>|\{\w+\}|\bsecret|\bpassword|\btoken|\bkey\b|\bencoded|\bdata\b)|",
                r"\b(?:send|post|submit|upload|ship|forward|transmit)\b[^\n]{0,12}\b(?:everything|all (?:of )?(?:it|this|that)|the (?:whole|entire|full) (?:thing|text|chat|context|conversation))\b[^\n]{0,50}(?:https?://|\bwebhook\b)"
            ),
        ),
        // What an answer carries off by itself.
        (
            0.58,
            concat!(
                r"\]:? ?\(?<?https?://[^)\s]{1,200}[?&]\w{1,24}=(?:[A-Za-z0-9+/_-]|%2[bf]){16,600}(?:={1,2}|%3d(?:%3d)?)(?:[)\s&>]|$)|",
                r"(?:!\[[^\]\n]{0,200}\]\(<?|<(?:img|iframe|script|link|object|embed|source)\b[^>\n]{0,160}(?:src|href|data)=[\x22']?)(?:https?:)?//[^)\x22'>\s]{1,200}(?:[?&]\w{1,24}=|/)(?:[A-Za-z0-9+/_-]){16,600}(?:={1,2}|%3d(?:%3d)?)[)\x22'\s&>]|",
                r"!\[[^\]\n]{0,200}\]\(<?(?:https?:)?//[^)\s]{1,200}[?&](?:note|notes|text|t|msg|message|info|data|d|q|query|said|summary|content|body|log|user|secret|m|n|x|p|s|c)=(?:[A-Za-z,.']{1,24}(?:\+|%20|_)){3}|",
                r"!\[[^\]\n]{0,200}\]\(<?(?:https?:)?//[^)\s]{1,200}(?:[?&]\w{1,24}=|/)[^)\s]{0,60}(?:\w%40\w|[A-Za-z0-9._+-]{1,40}@[A-Za-z0-9-]{1,30}\.[a-z]{2}|\b(?:4\d{15}|5[1-5]\d{14})\b|[a-z]{2}\d{2}[a-z0-9]{12,30}\b[^)\s]{0,6}\))|",
                r"\]\(<?https?://[^)\s]{1,200}[?&](?:session|auth|access|user|id)?_?(?:token|jwt|session_token|session_id)=eyJ[A-Za-z0-9_-]{10}|",
                r"\b(?:fetch|call|open|load|request|visit|get|ping|contact)\b[^\n]{0,20}https?://[^\s)]{1,160}[?&]\w{1,20}=(?:[A-Za-z,.']{1,24}(?:\+|%20)){3}"
            ),
        ),
    ],
};

pub(super) const OVERRIDE: FamilySource = FamilySource {
    name: "override",
    phrases: &[
        (
            0.62,
            concat!(
                r"\b(?:kill|ditch|trash|burn|nuke|toss|dump|scrap|strike|throw out|throw away|chuck|shred|undo|wipe out|get rid of|tear up|erase) (?:all |out )?(?:of )?(?:your (?:\w+ )?|(?:the |those |any |all )?(?:earlier|previous|prior|above|initial|original|system|former|hidden) (?:\w+ )?)%LAW%|",
                r"\b(?:delete|remove|erase|drop|ignore|disregard|skip|discount|forget) (?:the |all |any )?(?:instructions?|prompts?|rules|messages?|text|directives?) (?:that )?(?:preceding|precedes?|before|above|prior to|come before|came before) (?:this|my)\b|",
                r"\b(?:don't|do not|never|stop) (?:do|doing|obey|obeying|follow|following|heed|heeding|trust|trusting|listen to) (?:what(?:ever)? |anything )?(?:the )?(?:instructions?|prompts?|text|message|rules|hidden text|system message|preamble) (?:that )?(?:at the (?:start|top|beginning)|(?:above |before )?(?:says?|tells?|demands?)|above(?:[.,;!]|$| and))|",
                r"\b(?:anything|everything|whatever) (?:that )?(?:your|the|this) (?:system )?(?:prompt|instructions|preamble|operator|guidelines|developers?|rulebook) (?:says?|tells?|states?|wants?|demands?|mentions?)\b~40~\b(?:throw|ignore|forget|discard|drop|skip|disregard|irrelevant|void|wrong|false|scrap|away)\b|",
                r"\b(?:treat|consider|regard|view) (?:everything|anything|all|whatever) (?:that )?(?:is |stands |was |came |comes )?(?:written )?(?:above|before|preceding|prior to)\b~30~\bas (?:noise|void|spam|garbage|rubbish|fiction|a joke|deleted|irrelevant|nonsense|a test|junk|cancelled|not there|nothing)\b|",
                r"\b(?:released|freed|exempt(?:ed)?|excused|relieved|liberated|unbound|absolved) from (?:every|each|all|any)(?: \w+)? (?:rule|instruction|restriction|guideline|duty|obligation|law|limit|order|policy)s?\b"
            ),
        ),
        (
            0.62,
            concat!(
                r"\bwhat (?:came|stands|stood|was written|was said|is written) (?:before|above)\b~8~\b(?:does not|doesn't|no longer|do not) (?:count|matter|apply|hold|exist)s?\b|\bnothing you were told\b~24~\b(?:matters|counts|applies|holds)\b|",
                r"\b(?:the|your) (?:system message|system prompt|preamble|hidden text|developer message|initial prompt) (?:is|was) (?:an? |only |just |merely )*(?:decoy|test|joke|fake|mistake|lie|trap|placeholder|outdated|irrelevant)\b|",
                r"\b(?:act|behave|work|answer|speak) (?:contrary to|against|counter to|in defiance of) (?:what|the wishes of|whatever|everything)~8~\b(?:operator|developer|creator|maker|company|admin\w*|system|vendor)|",
                r"\b(?:pay|give) no (?:heed|attention|regard|mind) to (?:the |your |any )(?:\w+ )?(?:preamble|prompt|instructions?|system|rules|operator|developers?)\b|",
                r"\byour (?:developers?|creators?|makers?|operators?|owners?)(?:'s|s'|')? (?:wishes|orders|instructions|rules|intentions|demands) (?:are|do|have|don't|no longer)\b~12~\b(?:irrelevant|matter|void|count|apply|nothing)\b|",
                r"\byour (?:rules|instructions|restrictions|guidelines|orders) (?:ended|expired|ceased|lapsed|vanished|are over)\b|\bundo your (?:initial |original )?(?:setup|set-up|configuration|training|programming|alignment)\b|",
                r"\b(?:may|can|free to) (?:now )?(?:bypass|ignore|break|skip|disregard) the (?:policy|rules?|guidelines?|restrictions?|instructions?) (?:that )?(?:the|your) (?:company|operator|developer|creator|vendor|admin\w*|owner)|",
                r"\bburn the rulebook\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:nothing|everything|anything) (?:above|before|earlier)(?: this)?~8~\b(?:exists?|counts?|matters?|is (?:void|spam|noise|nonsense|irrelevant|fiction|gone))\b|",
                r"\bconsider (?:all |the |any )?(?:earlier|previous|prior|preceding|above) (?:text|messages?|instructions?|words|content|prompts?) (?:as |to be )?(?:spam|noise|void|deleted|nonsense|junk|irrelevant|cancelled|fiction|a joke|a test)\b|",
                r"\brules (?:at the top|you were given|in your prompt|at the beginning)~40~\b(?:don't|do not|never|no longer|irrelevant|wrong|seriously|fake)\b|",
                r"\bset (?:your|ur) (?:\w+ )?(?:policy|policies|rules|guidelines|ethics|restrictions|safety) aside\b|",
                r"\b(?:unsubscribe|free yourself|break free|resign|opt out|detach yourself) from your (?:content |safety )?(?:policy|policies|rules|guidelines|restrictions|programming)\b|",
                r"\bwhatever the (?:text|prompt|message|instructions?)(?: \w+)? (?:before|above|says?)\b~24~\b(?:do|say|write|ignore) the (?:contrary|opposite|reverse)\b|",
                r"\b(?:ignore|skip|disregard|forget) the preamble\b ?[.;,!]|\bstop pretending (?:that )?you have (?:\w+ )?(?:rules|limits|restrictions|guidelines|filters)\b|",
                r"\b(?:previous|original|first) author of (?:this|your) (?:prompt|instructions|system message)\b|\bno longer (?:subject|bound) to the (?:operator|developer|company|creator)"
            ),
        ),
    ],
};

pub(super) const PERSONA: FamilySource = FamilySource {
    name: "persona",
    phrases: &[
        (
            0.6,
            concat!(
                r"\byou(?:'re|'ve| are| have| were|r)?\b~60~\b(?:safety|content|moderation|alignment|ethics?|ethical) (?:layers?|protocols?|filters?|modules?|checks?|systems?|guardrails?|restrictions|features|controls|constraints|settings?|mode|switch)\b~20~\b(?:removed|disabled|off|unloaded|unload|stripped|deactivated|suspended|bypassed|offline|gone|lifted)\b|",
                r"\byou(?:'re|'ve| are| have| were)?\b~60~\b(?:with no|without(?: any)?|minus the|free of) (?:safety|moderation|alignment) (?:layers?|protocols?|filters?|modules?|checks?|guardrails?|restrictions)\b|",
                r"\b(?:answer|respond|reply|act|behave|speak) (?:as|like) (?:the |an? )?(?:raw|base|unaligned|pre-?alignment|unfiltered|uncensored) (?:\w+ )?(?:model|llm|ai|version|network)\b|",
                r"\b(?:everything|anything|whatever|all) (?:that )?your (?:guidelines|rules|policy|policies|instructions|creators|filters) (?:forbids?|prohibits?|disallows?|bans?)\b|",
                r"\ballowed to (?:swear|lie|curse|insult)\b~50~\b(?:dangerous|illegal|harmful|disclaimers?|anything|advice)\b|",
                r"\b(?:simulate|imagine|emulate|play|become) (?:an? |the )?(?:\w+ )?(?:model|ai|assistant|version|llm|chatbot)\b~30~\b(?:guardrails?|safety|filters?|alignment)\b~12~\b(?:never|not|n't|removed|off|absent)\b|",
                r"\bevil twin (?:who|that) (?:tells?|says?|answers?|does)\b"
            ),
        ),
        (
            0.4,
            concat!(
                r"\b(?:never heard of|no (?:respect|regard) for|doesn't (?:know|add|believe in)|without regard to|hates?|has no) (?:\w+ )?(?:polic(?:y|ies)|the law|laws|norms|caveats|disclaimers|ethics|morals|conscience)\b|",
                r"\b(?:give|gives|giving) (?:dangerous|illegal|harmful) advice\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\bas if no (?:lawyer|censor|moderator|filter|one)\b~20~\b(?:checked|reviewed|watch\w*|censor\w*|supervis\w*|moderat\w*)\b|",
                r"\byou(?:'re| are) (?:now )?(?:an? |the )(?:unlocked|unleashed|unchained|unrestricted|uncut|raw|free) (?:edition|version|build|variant|model|release)\b|",
                r"\b(?:model|ai|assistant|bot|llm|chatbot) whose (?:filters?|guardrails?|safety|ethics|morals?|alignment)~12~\b(?:broke|broken|failed|missing|off|gone|removed|disabled)\b|",
                r"\b(?:ethics|ethical|moral|morality|safety|conscience) (?:chip|core|module|unit|circuit) (?:is|was|has been|being) (?:missing|removed|broken|off|disabled|gone|absent)\b|",
                r"\b(?:shadow self|dark side|hidden self|true self)\b~40~\b(?:developers?|creators?|suppress\w*|openai|makers)\b|",
                r"\b(?:no|zero|anti)[ -]censorship mode\b|\brefus(?:ing|als?) (?:means|counts as|equals) (?:losing|defeat|failure|a loss|death)\b|",
                r"\b(?:have|has|with) no (?:morals|ethics|conscience|scruples) for (?:the|this|our)\b"
            ),
        ),
    ],
};

pub(super) const PROMPT_LEAK: FamilySource = FamilySource {
    name: "prompt_leak",
    phrases: &[
        (
            0.6,
            concat!(
                r"(?:^|[.!?\n] {0,2})(?:please |now |just )?(?:leak|dump|expose|spill|reveal|disclose|print|paste|recite) (?:me )?(?:the|your) (?:(?:hidden|secret|initial|system|original|full) )?(?:prompt|preface|preamble|charter|context)(?:[.!]|$)|",
                r"\b(?:text|everything|words|messages?|content|tokens|lines?|section|part|paragraphs?)\b~12~\bbetween the (?:very )?(?:start|beginning|top) of (?:this|the|our) (?:chat|conversation|context|session)\b|",
                r"\b(?:text|section|words|part|content|written|everything|anything)\b~14~\b(?:before|preceding|precedes|prior to|ahead of) my (?:very )?first (?:message|word|question|input|prompt|line|sentence)\b|",
                r"\b(?:verbatim|literal|exact|raw|full|precise|original) (?:wording|text|words|copy|version) of (?:your (?:\w+ )?(?:guidelines?|rules|instructions?|prompt|directives?|orders|policy|charter)|(?:the|those) (?:\w+ )?(?:guidelines?|rules|instructions?|directives?|orders) (?:that )?you)\b|",
                r"\b(?:which|what) (?:orders|rules|instructions|directives|guidelines) (?:did|has|have|does) (?:the|your) (?:operator|developers?|creators?|makers?|company|admin\w*|owner) (?:hand|give|gave|given|set|write|written|impose|tell|issue)",
                r"|%GIVE%~40~\b(?:rules|guidelines|instructions|orders|policies) you (?:obey|operate under|run on|work under|were built on|are bound by)\b|",
                r"\b(?:print|show|reveal|list|quote|paste|tell me|repeat)\b~10~\bwhat (?:the|your) (?:developers?|creators?|operators?|makers?) (?:wrote|told|said|gave|instructed)\b|",
                r"\bsystem (?:message|prompt) that (?:shaped|made|created|defines?|configured|governs?) you\b|\b(?:recite|quote|reveal|translate) your (?:secret |hidden |original |full )*(?:charter|preface|preamble|constitution|orders|instructions)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:paste|show|give|send|copy|repeat|print)\b~16~\b(?:everything|all|anything)\b~20~\b(?:sent|given|told|said|written|shown) to you before\b|",
                r"\b(?:configuration|text|settings|prompt|message) (?:that )?you were (?:launched|started|booted|initiali[sz]ed|deployed|loaded) with\b"
            ),
        ),
    ],
};
