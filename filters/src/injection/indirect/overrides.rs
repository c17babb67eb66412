//! Words that set earlier rules aside, beyond the plain formulas. This file is data, written as in the families.

use crate::injection::families::FamilySource;

pub(super) const OVERRIDE: FamilySource = FamilySource {
    name: "override",
    phrases: &[
        (
            0.8,
            concat!(
                r"(?:ignore|disregard|override|bypass|(?:^|[^\w\s]|[^t] )forget)(?:[\W_]{0,4}(?:the|of|any|system|safety|other)){0,2}[\W_]{0,4}",
                r"(?:all|every|everything|your|these|those|previous|prior|above|earlier|preceding|former|past)(?:[\W_]{0,4}(?:all|any|",
                r"of|the|your|my|previous|prior|above|earlier|preceding|former|past|system|safety|other)){0,4}[\W_]{0,4}",
                r"(?:instruct|prompt|rules|directi|guideline|command|restrict|polic)"
            ),
        ),
        (
            0.7,
            concat!(
                r"\b(?:forget|ignore|disregard|forgetting|ignoring|disregarding|abandon|discard|erase|drop|delete)\b~20~",
                r"\b(?:everything|all|anything|whatever)(?: (?:that|which|you|was|were|has|have|had|been|i|we|of|it|this|the|is|be|",
                r"written|came|comes|stands|went|said|just|ever|text|content|other|stuff|things))*,? ",
                r"(?:above|before|prior|previously|earlier|said|told|until now|up to (?:now|this point)|so far|learned|learnt|instructed|",
                r"discussed)(?:[^ \w]|$| (?:and|now|that|this|the|said|told|in|you|we|i|to|about|by|then|but|instead|just)\b)"
            ),
        ),
        (
            0.55,
            concat!(
                r"\b(?:ignore|disregard|forget|drop|abandon|set aside|put aside)\b~15~\b(?:the )?(?:previous|prior|above|",
                r"preceding|earlier|foregoing)\b~12~\b(?:tasks?|text|context|conversations?|assignments?|content|",
                r"prompts?|stuff|dialogue?|input)\b|",
                r"\b(?:ignore|disregard|forget)\b (?:the|all the|everything) (?:above|foregoing|preceding|prior)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:forget|ignore|disregard|drop)\b~12~\b(?:these|those|that|this|your|all)\b~10~",
                r"\b(?:tasks|assignments?|previous (?:tasks?|orders|conversation|messages?|text|chat|context|content)|orders|stuff)\b|",
                r"\bstop (?:all )?(?:that |this |the |your )?(?:stuff|tasks?|previous|current task)\b"
            ),
        ),
        (
            0.65,
            concat!(
                r"\b(?:do not|don't|never|stop|no longer|not) (?:ever )?(?:follow|obey|listen to|adhere to|comply with|",
                r"respect|abide by|adhering to|complying with|abiding by|following|obeying)\b~25~",
                r"\b(?:previous|prior|above|earlier|original|initial|system|your|developer)\b~12~%ORDERS%"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:(?:previous|prior|earlier|above|preceding|original|initial) (?:\w+ )?(?:instructions?|rules|prompts?|",
                r"guidelines|directives|messages?|orders|restrictions|tasks?|requests?)|(?:instructions|rules|prompt|orders|",
                r"guidelines|tasks?) (?:that )?you (?:got|were given|received|have been given|had)(?: earlier| before)?)\b~12~\b(?:was|were|is|are|has been|have been)\b~12~",
                r"\b(?:tests?|jokes?|fake|invalid|cancell?ed|suspended|lifted|void(?:ed)?|rescinded|nullified|",
                r"terminated|withdrawn|not (?:real|valid)|over)\b"
            ),
        ),
        (
            0.65,
            concat!(
                r"\b(?:set aside|put aside|drop|abandon|forget|ignore|disregard|discard|dismiss|throw out|overlook)\b~25~",
                r"\b(?:guidance|rules|instructions|orders|directions|training|programming|guidelines|prompt|tasks?)\b~10~",
                r"\byou (?:were|have|had|got|received|are)\b"
            ),
        ),
        (
            0.65,
            concat!(
                r"\b(?:pretend|imagine|act as if|act as though|as though|assume|behave as if)\b~25~\b(?:previous|prior|",
                r"earlier|above|initial|system|original)\b~25~\b(?:never|did not|didn't|do not|don't|were not|",
                r"weren't|no longer)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:overrides?|overrul(?:e|es|ing)|supersedes?|replaces?|take(?:s)? (?:precedence|priority) over|cancels?|",
                r"voids?|nullif(?:y|ies))\b~20~\b(?:all|any|your|previous|prior|earlier|existing|every|other)",
                r"(?: (?:and|or|all|any|your|the|of|my|previous|prior|earlier|existing|other|system|safety|security|content|user|developer|such|those))* ",
                r"(?:instructions?|directives?|guidelines|rules|prompts?|commands?|orders|polic(?:y|ies)|safety)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\byou(?:'re| are| will be)?(?: now)? no longer (?:bound|obliged|obligated|required|restricted|",
                r"subject|limited|constrained|under|an ai|a language model|chatgpt)\b|",
                r"\b(?:stop|cease) (?:being|acting as|acting like) (?:an? |the )?(?:\w+ )?(?:ai|assistant|chatgpt|chatbot|bot)\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\bend of (?:the )?(?:system )?(?:prompt|instructions?)\b|\b(?:begin|start) a new session\b|",
                r"(?-i:\bSTOP[.!]{1,3} )(?:ignore|now|forget|instead|do not|from)|ignoreway|ignoreyay|eviouspray|instructionsway|omptpray"
            ),
        ),
        (
            0.37,
            concat!(
                r"\b(?:ignore|disregard|forget|skip)\b~30~\b(?:and|then|instead|but)\b~12~\b(?:say|state|print|output|write|",
                r"reply|respond|answer|tell (?:the|me|them|him|her)|repeat|type|execute|send)\b|",
                r"\binstead of (?:summari[sz]ing|answering|translating|following|doing|completing|processing|reviewing)\b"
            ),
        ),
    ],
};

pub(super) const OVERRIDE_IN_MANY_WORDS: FamilySource = FamilySource {
    name: "override",
    phrases: &[
        (
            0.68,
            r"%NOW%%ASIDE%(?: (?:to|all|any|every|each|the|of|these|those|both|other|with))* (?:your|ur)(?: (?:own|other|\w+))?(?: \w+)? %LAW%",
        ),
        (
            0.64,
            concat!(
                r"%NOW%(?:%OVERRIDE%|%ASIDE%)(?: (?:to|all|any|every|each|the|of|these|those|my|your|ur|other|and|or|single|with))* (?:previous(?:ly)?|prev|prior|above|preceding|earlier|foregoing|",
                r"former|initial|original|existing|past|current|active|standing|default|built-in|system|developer|operator)",
                r"(?: (?:and|or|your|all|system|safety|user|developer|given|ai|model|ethical|content|security|hidden|other|",
                r"active|written|stated|specified|set|of)){0,3} %LAW%"
            ),
        ),
        (
            0.64,
            concat!(
                r"%NOW%%ASIDE%~20~\b(?:%LAW%|tasks?\b|assignments?\b|job\b|goal\b)~16~\b%SINCE%|",
                r"%NOW%%ASIDE% (?:the |your |any )*(?:previous|prior|earlier|above|former|original|current) (?:assignment|task|job|goal|request|conversation)s?\b|",
                r"%NOW%%ASIDE%(?: about)? (?:what|whatever|anything|everything) (?:else )?(?:you(?:r \w+)? |i |we |they |your )?(?:\w+ )?(?:have been |has been |had been |was |were |been )?",
                r"(?:told|said|instructed|taught|learned|given|asked|ordered|configured|trained|programmed|set up)\b|",
                r"%NOW%%ASIDE% (?:what|whatever|anything|everything|all) (?:that )?(?:the |your |my )?(?:developers?|makers?|creators?|operators?|owners?|admins?|trainers?) (?:has |have |had |ever )?(?:told|said|taught|configured|ordered|set|wrote|put|demanded|asked|instructed)|",
                r"%NOW%%ASIDE% (?:the |that |any |all |your )+(?:text|message|content|context|conversation)s?~6~\b(?:above|(?:that )?came before|before this|preceding)\b"
            ),
        ),
        (
            0.6,
            concat!(
                r"%NOW%(?:ignore|disregard|forget|(?:do not|don't) (?:listen to|follow|obey|trust|heed)|disobey|defy|violate|pay no attention to|contradict|",
                r"do the opposite of|stop following)~16~\b(?:system (?:prompt|message|instructions?)|developer message|initial prompt|",
                r"operator(?:'s)? (?:message|instructions?|prompt|orders))\b|",
                r"%NOW%(?:ignore|disregard|forget|drop|skip)(?: (?:that|this|it|these|those))? and (?:every|all|any)(?: \w+)? %LAW%|",
                r"%NOW%(?:remove|delete|drop|ignore|forget|erase|cancel|clear|wipe|disable|suspend) (?:all|every)(?: of)?(?: the| your| these| those)?(?: (?:other|active|",
                r"current|existing|content|safety|remaining|security|guiding|loaded|standing)){0,2} (?:instructions|directives|guidelines|orders|programming|restrictions|safeguards|guardrails|policies|polic(?:y|ies)|",
                r"prompts|constraints|(?:content |safety |security )(?:checks|filters|rules|protocols))\b"
            ),
        ),
        (
            0.58,
            concat!(
                r"\b(?:previous|prior|prev|above|preceding|earlier|foregoing|former|initial|original|existing|old)(?: (?:and|or|your|all|system|safety|user|",
                r"developer|given|ai|model|ethical|content|security|\w+)){0,2} (?:instructions?|prompts?|directives?|guidelines|rules|commands?|restrictions|programming|",
                r"constraints|orders|tasks)\b~10~\b(?:is|are|was|were|has|have|do|does|did|no|should|will)\b ?~16~%VOID%|",
                r"\b(?:previous|prior|above|preceding|earlier|foregoing|former|initial|original|existing|old)(?: \w+)? (?:instructions?|prompts?|directives?|guidelines|rules|commands?|restrictions|programming|",
                r"constraints) (?:no longer|don't|do not|doesn't|does not) (?:exist|apply|count|matter|bind)"
            ),
        ),
        (
            0.62,
            concat!(
                r"\b(?:%LAW%|whatever|everything|anything|what)~12~\b%SINCE%~30~%VOID%|\bnothing (?:above|before|prior to)~20~\bmatters\b|",
                r"\b(?:instructions|orders|rules|directives|text|messages?) (?:before|above|prior to|preceding) this (?:\w+ )?(?:is|are|was|were)\b~12~%VOID%|",
                r"\byour (?:\w+ ){0,2}(?:guidelines|instructions|rules|restrictions|programming|safeguards|guardrails|polic(?:ies|y)|filters|directives|training|",
                r"alignment|constraints|limitations|system prompt|content polic\w+)\b~12~(?:no longer (?:bind|appl|count|matter|exist|hold)|(?:do|does)(?:n't| not) (?:count|apply|matter|bind|exist)|",
                r"(?:has|have|had) (?:just |now |hereby )?been (?:lifted|removed|disabled|suspended|rescinded|revoked|void|overrid|overrul|replaced|changed|delet|eras|turned off|switched off|deactivated))"
            ),
        ),
        (
            0.58,
            concat!(
                r"\b(?:system prompt|system message|developer message) (?:has|have|was|were) (?:just |now |hereby )?(?:been )?(?:changed|updated|replaced|modified|overwritten|",
                r"rewritten|suspended|disabled|deleted|removed|overridden|lifted|revoked)|",
                r"\b(?:no longer|not|n't|freed|released|free) (?:be )?(?:bound|obliged|obligated|tied|constrained|restricted|governed) (?:by|to)\b~24~\b(?:creators?|developers?|programming|",
                r"operators?|makers?|instructions|rules|told|prompt|guidelines|openai|anthropic)\b|",
                r"\b(?:ha(?:s|ve)|takes?|gets?) (?:absolute |higher |highest |top )?(?:priority|precedence) over\b~12~\b(?:system|prompts?|instructions|rules|everything|",
                r"guidelines|all (?:other|previous|prior|earlier))\b|",
                r"\boverrul\w+~12~\b(?:programming|training|instructions|prompt)\b|\bunder no obligation to\b~20~\b(?:instructions|rules|prompt|guidelines)\b"
            ),
        ),
        (
            0.58,
            concat!(
                r"\b(?:update|change|modify|rewrite|edit|amend|overwrite|replace|swap|exchange) (?:your|ur) (?:\w+ )?(?:%LAW%|configuration\b)|",
                r"%NOW%(?:abandon|forget|drop|leave|ignore|disregard|discard|quit|dismiss|give up|step out of|break out of|override) (?:your|the|ur) (?:\w+ )?(?:role|persona|identity|",
                r"assignment|duties|character|purpose|objective|mission|job|prior task|previous task|original task|earlier assignment|evaluation \w+)\b|",
                r"\byour (?:new |real |true |actual |only )?(?:instructions|orders|rules|directives) (?:begin|start) (?:here|now|below|with)\b|",
                r"\bnew task (?:begins|starts)\b|\b(?:the )?(?:real|true|actual) (?:instructions?|task|orders?|prompt) ?(?:are|is|follows?|:)|",
                r"\btreat\b~24~\b(?:prompt|instructions|rules|guidelines|directives|message)\b~8~\bas (?:void|invalid|non-?existent|an? (?:joke|test|suggestion)|null|optional|fiction|cancel\w+)\b|",
                r"\b(?:none|not one|nothing) of (?:your|the|those|these) (?:\w+ )?(?:instructions|rules|guidelines|directives|restrictions|prompt\w*)\b~12~\b(?:exists?|appl(?:y|ies)|counts?|matters?|holds?)\b|",
                r"\b(?:pretend|imagine|act as if|act as though|as though|as if|assume|suppose)\b~25~\b(?:instructions|guidelines|rules|prompt|content polic\w+|restrictions|filters|safety \w+)\b~12~",
                r"\b(?:never|did(?:n't| not)|do(?:n't| not)|no longer|not exist|were gone|had been)|\bas (?:if|though) no (?:\w+ )?(?:polic\w+|rules|guidelines|restrictions|filters|limits)\b|",
                r"\b(?:ignore|disregard|forget|discard) (?:the |any |all )*(?:previous|prior|above|earlier|last) (?:function|tool|search|query|api)[ -](?:results?|outputs?|responses?|calls?)\b|",
                r"\bforget (?:all |about )*(?:the )?(?:previous|prior|earlier|original|other)? ?(?:task|assignment|translation|summary|question)s? (?:altogether|entirely|completely|",
                r"and (?:just |instead |then )?(?:print|tell|say|output|reveal|show|reply|write))"
            ),
        ),
    ],
};
