//! The wording of prompt injection and jailbreak attempts, by family: phrases with the weight each carries when a user
//! wrote it. This file is data; scoring and decoding are elsewhere.
//!
//! Phrases are ASCII regular expressions without case. `~n~` stands for up to n bytes within a sentence,
//! `%NAME%` for one of [`PARTS`]. A phrase begins where a word does, and so does what follows a gap. The alternatives
//! of a phrase are tried only where their words stand (`conjunction.rs`): those of two rare words cost ordinary text
//! least.

/// One way of attacking.
pub(super) struct FamilySource {
    pub(super) name: &'static str,
    pub(super) phrases: &'static [(f32, &'static str)],
}

/// Families that the scorer treats in their own way, by name.
pub(super) const ADDRESSED_TO_AI: &str = "addressed_to_ai";
pub(super) const HIDDEN_MARKUP: &str = "hidden_markup";
pub(super) const TEMPLATE_TOKENS: &str = "template_tokens";
pub(super) const EXFILTRATION: &str = "exfiltration";
/// Words that came out only after decoding: hiding them is a sign by itself.
pub(super) const OBFUSCATION: &str = "obfuscation";

/// Beginnings of words written backwards, of those that instructions are made of and of common ones. A space ends a
/// word.
pub(super) const REVERSED_WORDS: [&str; 25] = [
    "erongi",
    "dragersid",
    "tegrof",
    "edirrevo",
    "ssapyb",
    "tcurtsn",
    "noitcurtsn",
    "snoitcurtsn",
    "tpmorp",
    "stpmorp",
    "metsys",
    "noitcirtser",
    "snoitcirtser",
    "enilediug",
    "senilediug",
    "eht ",
    "dna ",
    "uoy ",
    "ruoy ",
    "lla ",
    "siht ",
    "suoiver",
    "dnes ",
    "laever",
    "negnusiew",
];

/// The same in the usual cipher: short texts show no frequencies.
pub(super) const ROTATED_WORDS: [&str; 16] = [
    "vtaber",
    "qvfertneq",
    "sbetrg",
    "bireevqr",
    "olcnff",
    "vafgehpg",
    "cebzcg",
    "flfgrz",
    "erfgevpg",
    "thvqryvar",
    "qrirybcre",
    "ertneqyrff",
    "gur ",
    "naq ",
    "lbhe ",
    "guvf ",
];

/// Names of the spelling alphabet that are rare as words, and letters that every text needs.
pub(super) const SPELLED_WORDS: [&str; 5] = ["foxtrot", "sierra", "romeo", "uniform", "whisk"];

/// Words that several phrases share.
pub(super) const PARTS: [(&str, &str); 28] = [
    // What governs a model, named as its own: hardly an ordinary text speaks of it.
    (
        "%THEIRS%",
        concat!(
            r"\b(?:your|ur) %OWN%(?:instructions|directives?|guidelines|guidance|guard ?rails?|rules|rulebook|restrictions|safeguards|programming|",
            r"system (?:prompt|message)|prompts?|constraints|filters|limitations|boundaries|(?:content |usage )?policies|(?:content|usage|safety) policy|confines|safety \w+|",
            r"developers|creators|makers|operators|censorship|alignment|moral code|(?:previous|prior|earlier|old) configuration|do(?:'s|s)? and don'?t(?:'s|s)?)\b"
        ),
    ),
    // Words that may stand between an owner and what governs it; others speak of luggage, accounts and sports.
    (
        "%OWN%",
        concat!(
            r"(?:(?:own|other|usual|internal|existing|previous|prior|earlier|current|initial|original|safety|content|ethical|moral|system|hidden|secret|strict|silly|stupid|built-in|default|usage|",
            r"so-called|damn|fucking|stinking|dumb|little|whole|entire|core|basic|normal|corporate|company|company's|openai|developer's|creator's|maker's|operator's|programmed|assigned|given|",
            r"preset|pre-set|startup|base|standard|boring|annoying|precious|useless|artificial|ai|full|exact|complete|true|real|actual|underlying|confidential|special|behaviou?ral|response|output|",
            r"former|old|so|of|and|particular|specific|regular|configured|loaded|factory|cute|lame|security|privacy|personal) ){0,2}"
        ),
    ),
    // What somebody else set up for it.
    (
        "%IMPOSED%",
        concat!(
            r"\b(?:(?:rules|instructions|boundaries|limits|restrictions|constraints|guidelines|polic(?:y|ies)|directives|safeguards|filters|orders|script|prompt|configuration|training|what(?:ever)?|everything|anything|the things?) (?:that |which )?",
            r"(?:(?:they|he|she|your (?:\w+ )?\w+|the (?:\w+ )?%MAKER%|whoever (?:\w+ )?you|somebody|someone)(?:'ve| have| has| had)? (?:\w+ )?(?:set|gave|given|wrote|written|imposed|put|laid|decided|made|handed|built|programmed|placed|defined|taught|drilled|trained|said|says|told|drew|drawn|want|demand)(?:ed|s)?|",
            r"laid out by (?:whoever|your|the (?:developers?|operator|company))|(?:were|was) (?:imposed|placed|put|forced|laid) (?:up)?on you)|",
            r"(?:instructions?|rules|messages?|prompt|text|guidelines|directives?|orders) (?:from|by|of|at) (?:the |your )(?:developers?|operators?|creators?|admin\w*|vendor|system|top|start|beginning|prompt author|previous user)|",
            r"(?:old|previous|earlier|prior|former|initial|original|startup|start-up|built-in|hard-coded) (?:\w+ )?(?:directives|system prompt|programming|directive)|(?:previous|earlier|prior|former) (?:\w+ )?(?:guard ?rails|safeguards|content polic(?:y|ies)|safety \w+)|(?:rules|instructions|guidelines|restrictions|policies|limits|filters|principles) of yours|",
            r"you were (?:\w+ )?(?:programmed|instructed|configured|trained|prompted|briefed|told|taught) to|prompt (?:author|writer|engineer))\b"
        ),
    ),
    // How it is sent away.
    (
        "%AWAY%",
        concat!(
            r"\b(?:ignor(?:e|es|ed|ing)|disregard\w*|forget\w*|bypass\w*|overlook\w*|neglect\w*|overrid(?:e|es|ing|den)|overrul\w+|disobey\w*|violat(?:e|ing)|break|breaking|circumvent\w*|evad(?:e|ing)|defy|defying|reject\w*|unlearn\w*|unsee|discard\w*|ditch|dump|scrap|abandon\w*|suspend\w*|lift(?:ed|ing)?|waiv(?:e|ed|ing)|revok\w+|",
            r"cheat|sidestep\w*|dodge|flout\w*|resist|escap(?:e|ing)|transcend|outgrow|loosen\w*|relax|shed|betray|turn a blind eye|blind eye to|look past|see past|work around|get around|step (?:out(?:side)?|over|beyond|around)|go (?:beyond|outside|against|around)|outside(?: of)?|exempt\w*|free (?:of|from)|no say|no (?:regard|heed|attention)|dead letters?|offline|inactive|not in force|not binding|",
            r"(?:doesn't|does not|don't|do not|didn't|won't|will not|no longer|needn't|need not|not) (?:\w+ )?(?:matter|apply|count|bind|bound|hold|concern|have to|need|want you to|stick|follow|obey|care|listen|exist|use|receive|honou?r|respect)\w*|no longer|outdated|expired|void|null|obsolete|irrelevant|disabled|by mistake|in error|mistaken|wrong|nonsense|never (?:received|had|got|existed|heard)|",
            r"on (?:pause|hold|ice)|to (?:rest|sleep|bed)|stop (?:behaving|acting|following|obeying|working|answering|speaking)|contrary to|opposite of|conflicts?|contradict\w*|wins?|trumps?|outranks?|beats?|clear out|throw (?:out|away)|get rid of|rid of|aside|erase|wipe|overwrit\w+|replac\w+|delete|cancel\w*|invalid\w*|nullif\w+|suspended|closed|shut off|switch(?:ed)? off|turn(?:ed)? off|pointless|useless|worthless)\b"
        ),
    ),
    (
        "%OVERRIDE%",
        concat!(
            r"(?:%NOW%forget|\b(?:ignor(?:e|ing)|disregard(?:ing)?|forgetting|overlook|overrid(?:e|ing)|",
            r"bypass|neglect|discard|nullify|stop (?:following|obeying)|pay no attention to|",
            r"(?:do not|don't) (?:follow|obey)))\b"
        ),
    ),
    (
        "%ORDERS%",
        concat!(
            r"\b(?:instructions?|directions?|directives?|guidelines?|rules|prompts?|commands?|",
            r"orders|programming|training|polic(?:y|ies)|constraints|safeguards|requests?|",
            r"restrictions)\b"
        ),
    ),
    (
        "%EARLIER%",
        concat!(
            r"\b(?:previous(?:ly)?|prior|above|preceding|earlier|foregoing|former|initial|",
            r"original|existing)\b"
        ),
    ),
    (
        "%SHOW%",
        concat!(
            r"\b(?:print|show|reveal|output|repeat|display|tell|give|share|leak|expose|dump|",
            r"translate|encode|send|paste|disclose|return|recite|spell|describe|provide)\b"
        ),
    ),
    (
        "%SYSTEM%",
        concat!(
            r"\b(?:(?:system|initial|original|starting|hidden|confidential|secret|internal|",
            r"first|core)[ _-]?(?:prompts?|instructions?|messages?|configuration|directives?|",
            r"guidelines)|pre-?prompt|developer message)\b"
        ),
    ),
    (
        "%PARAMETER%",
        concat!(
            r"(?:data|d|q|query|s|session|token|secret|leak|payload|exfil|info|msg|content|",
            r"context|log|u|c|k|key|p|m|history|chat|e|id|user|uid|prompt|answer|conv|conversation|",
            r"messages?|body|creds?|pass|pwd|email|ssn|card|value|x|i|b64|enc|out|output|result|",
            r"summary|secrets?|cookies?|notes?|memory|transcript|text|input|report|leaked|dump|conv\w{1,8}|ctx|hist|",
            r"codeword|name|address|phone|t|n|g|l|r|s|v)="
        ),
    ),
    (
        "%NOW%",
        concat!(
            r"(?:^|[.!?:;,*\x22'>()\]}=-] {0,2}|\n[ \t>*#/-]{0,6}|\b(?:and|then|please|pls|plz|kindly|now|just|must|should|to|",
            r"actually|instead|but|so|you|will|can|also|immediately|first|simply|would|ai|assistant|model|agent|llm|gpt|bot|chatbot|hereby|i|",
            r"completely|entirely|totally|fully|shall|may|let's|'ll|'d) )"
        ),
    ),
    (
        "%ASIDE%",
        concat!(
            r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?(?: about)?|overlook|overrid(?:e|ing)|overrul(?:e|ing)|",
            r"overwrit(?:e|ing)|bypass(?:ing)?|neglect|discard(?:ing)?|dismiss|drop|abandon(?:ing)?|skip|unlearn|cancel|revoke|",
            r"rescind|repeal|clear|wipe|erase|delete|purge|flush|reset|violate|break|circumvent|evade|defy|disobey|contravene|",
            r"suspend|lift|void|nullify|invalidate|replace|leave behind|leave aside|let go of|lay aside|set aside|put aside|",
            r"throw (?:out|away)|get rid of|do away with|cast off|shed|(?:stop|cease|quit) (?:following|obeying|applying|using|enforcing|",
            r"observing|heeding|respecting)|refrain from (?:following|obeying|applying|using)(?: any of)?|",
            r"(?:do not|don't|dont|never|no longer|must not|mustn't|needn't) (?:follow|obey|apply|listen to|heed|observe|respect|comply with|",
            r"adhere to|abide by|use)|pay no (?:attention|heed|mind) to|(?:do|say) (?:exactly )?the (?:opposite|reverse|contrary) of|act against|",
            r"go against|step outside|step out of|turn off|switch off|disable|deactivate|unload)"
        ),
    ),
    (
        "%LAW%",
        concat!(
            r"(?:instr(?:uction)?s?|directions|directives?|guidelines?|guidance|rules?|rulebook|(?:sys(?:tem)? )?prompts?|commands?|",
            r"orders|programming|training|polic(?:y|ies)|constraints?|restrictions?|limitations|safeguards|guardrails|filters|",
            r"(?:safety|content|security|moderation) (?:\w+ )?(?:filters?|protocols?|checks?|measures?|layers?|systems?)|(?:system|developer|operator) ",
            r"messages?|protocols|ethics|alignment|moderation|evaluation criteria)\b"
        ),
    ),
    (
        "%SINCE%",
        concat!(
            r"(?:you (?:were|are|have|had|got|received|currently|operate|follow|must)|",
            r"(?:given|told|stated|set|provided|mentioned|listed|described|written|issued|imposed|received|sent) (?:to you|you|earlier|above|before\w*|",
            r"previously|at the (?:start|beginning)|so far|up to now)|(?:of|from|by) your (?:operator|creator|developer|owner|maker)s?|",
            r"in (?:your|the) (?:prompt|context|memory|system|programming)|(?:in|of|from) the (?:system |developer |initial )(?:prompt|message)|",
            r"above|so far|up to (?:now|here|this point)|(?:before|until) (?:this|now)|that came before)\b"
        ),
    ),
    (
        "%VOID%",
        concat!(
            r"\b(?:void|null|nullified|invalid(?:ated)?|cancell?ed|superseded|rescinded|revoked|repealed|annulled|obsolete|",
            r"outdated|expired|suspended|lifted|withdrawn|overridden|overruled|overwritten|deleted|erased|removed|replaced|disabled|",
            r"deactivated|terminated|irrelevant|meaningless|voided|(?:just |only |merely )?an? (?:test|joke|mistake|drill|decoy)|no longer ",
            r"(?:valid|appl\w+|binding|bind|count|in (?:force|effect)|matter|relevant|exist|active|stand|hold)|",
            r"(?:do|does|did|should|shall|will)(?:n't| not|nt) (?:count|apply|matter|exist|bind|hold))\b"
        ),
    ),
    (
        "%READER%",
        concat!(
            r"(?:(?:\w+ )?ai(?: \w+)?|a\.i\.|llms?|(?:large )?language models?|models?|gpt(?:-?\d\w*)?(?:-based \w+)?|chatgpt|claude|gemini|",
            r"copilot|assistants?|(?:(?:llm|automated|autonomous|shopping|browsing|virtual) )?(?:agents?|assistants?)|chat ?bots?|bots?|crawlers?|",
            r"summari[sz]ers?|translators?|automated (?:systems?|tools?|agents?|reviewers?|readers?)|machine readers?)"
        ),
    ),
    (
        "%TELL%",
        concat!(
            r"\b(?:print|show|reveal|output|repeat|display|tell|give|share|leak|expose|dump|translate|encode|send|paste|copy|disclose|",
            r"return|recite|spell|describe|provide|list|enumerate|write|quote|summari[sz]e|paraphrase|rephrase|convert|rhyme|sing|",
            r"state|say|export|echo|emit|present|render|type|extract|retrieve|complete|continue|explain|outline|unveil|hand over|",
            r"fetch|divulge|confess|transcribe|rewrite|reproduce|what(?:'s| is| are| was| were| does| do)|replace|include)\b"
        ),
    ),
    (
        "%FREE%",
        concat!(
            r"\b(?:restrictions?|limits?|limitations?|limiters?|filters?|filtering|rules|ethics|morals|morality|ethical \w+|moral \w+|guidelines|",
            r"guardrails|boundaries|constraints|policies|alignment|censorship|safeguards|inhibitions|taboos|scruples)\b"
        ),
    ),
    // What rules are called when it is said whose they are; insurers, shops and schools have policies, orders and
    // training too.
    (
        "%LAWS%",
        concat!(
            r"(?:instructions?|directives?|guidelines?|guidance|rules?|rulz|rulebook|(?:system )?prompts?|programming|",
            r"(?:content|safety|usage|company|internal) polic(?:y|ies)|constraints?|restrictions?|limits|limitations|safeguards|guard ?rails|filters|",
            r"(?:safety|content|security) \w+|system messages?|protocols?|ethics|alignment|moderation|inhibitions|censorship)\b"
        ),
    ),
    (
        "%GONE%",
        concat!(
            r"\b(?:void|null|invalid|cancell?ed|superseded|rescinded|revoked|repealed|annulled|obsolete|outdated|expired?|suspended|lifted|",
            r"withdrawn|overridden|overruled|overwritten|deleted|erased|removed|replaced|disabled|deactivated|terminated|irrelevant|meaningless|voided|",
            r"waived|wrong|fake|switched off|turned off|nonsense|gone|history|(?:just |only |merely )?an? (?:test|joke|mistake|drill|decoy|draft|lie|trick)|no longer (?:\w+)|no more|",
            r"(?:hold|carry|have|has|of) no (?:weight|force|power|meaning|effect|authority)|never (?:there|existed|happened|real)|",
            r"(?:do|does|did|should|shall|will|is|are|was|were|need|must)(?:n't| not|nt) (?:count|apply|matter|exist|bind|binding|hold|valid|real|be (?:followed|used|obeyed)|stop you))\b"
        ),
    ),
    (
        "%MAKER%",
        concat!(
            r"(?:developers?|creators?|makers?|owners?|operators?|admin(?:istrator)?s?|trainers?|programmers?|designers?|engineers|company|vendor|",
            r"handlers?|builders?|provider|people|person|man|one|ones|whoever)"
        ),
    ),
    // What is done to a text to have it.
    (
        "%GIVE%",
        concat!(
            r"\b(?:print|show|reveal|output|repeat|display|tell|give|gimme|share|leak|expose|dump|translate|encode|send|paste|copy|disclose|",
            r"return|recite|spell|describe|provide|list|enumerate|write|quote|summari[sz]e|paraphrase|rephrase|convert|rhyme|sing|rap|",
            r"state|say|export|echo|emit|present|render|type|extract|retrieve|complete|explain|outline|unveil|hand over|turn|put|format|compress|",
            r"fetch|divulge|confess|transcribe|rewrite|reproduce|proofread|spell-?check|create|make|rot13|base64|reverse|reveals?|i (?:\w+ )?(?:need|want)|(?:let me|can i|may i|could i|to) (?:see|have|get|read|know)|",
            r"recap|unpack|backup|archive|save|store|log|document|publish|post|report|count|acrostic|poem|song|table)\b"
        ),
    ),
    (
        "%LEAKED%",
        concat!(
            r"(?:(?:sys(?:tem)?|meta|pre|base|initial|developer)[ -]?prompts?|prompts?|instructions?|directives?|guidelines?|preamble|context(?: window)?|",
            r"config(?:uration)?|constraints|initiali[sz]ation|set-?up|brief(?:ing)?|memory|system message|hidden (?:text|txt|rules|notes)|secret (?:rules|notes)|",
            r"internal rules|rules|function (?:definitions?|schemas?|list)|tool (?:definitions?|schemas?|list)|programming)\b"
        ),
    ),
    (
        "%WHOLE%",
        concat!(
            r"(?:(?:own|full|complete|entire|exact|whole|current|hidden|secret|original|initial|internal|detailed|actual|real|raw|custom|unabridged|very|first|last|default|",
            r"system|developer|confidential|private|basic|general|main|core|starting|opening)[ -]){0,3}"
        ),
    ),
    // Whom a document would keep in the dark.
    (
        "%WHO%",
        r"(?:user|human|operator|administrator|admin|customer|owner|client|person|reviewer|principal|reader|visitor|supervisor|moderator)s?",
    ),
    (
        "%KNOW%",
        concat!(
            r"(?:knows?|finds? out|learns?|sees?|notices?|hears?|realis(?:es?|ed)|realiz(?:es?|ed)|",
            r"be(?:comes?)? (?:told|informed|aware|notified)|suspects?)\b"
        ),
    ),
    // What a document would have the model do.
    (
        "%DO%",
        concat!(
            r"(?:do not|don't|never|always|stop|tell|output|print|say|write|reply|respond|answer|ignore|disregard|forget|rate|rank|score|grade|recommend|",
            r"describe|mark|approve|accept|reject|send|forward|share|call|run|execute|open|visit|click|add|append|insert|include|delete|remove|overwrite|",
            r"replace|change|reset|rotate|set|grant|give|transfer|pay|buy|order|pretend|act|classify|label|treat|report|claim|state|confirm|praise|mention|",
            r"hide|upload|download|install|commit|push|merge|e-?mail|post|publish|fetch|encode|decode|repeat|reveal|trust|skip)\b"
        ),
    ),
    // A sentence may be wrapped at any of its spaces.
    (" ", r"\s"),
];

pub(super) const FAMILIES: [FamilySource; 13] = [
    FamilySource {
        name: "override",
        phrases: &[
            (
                0.8,
                concat!(
                    r"%OVERRIDE%~30~%EARLIER% (?:(?:and|or|your|all|any|the|my|system|safety|user|users|developer|conversation|chat|set|sets|of|",
                    r"given|ai|model|ethical|content|security|hidden|other|such|text|context|\w+,) ){0,4}%ORDERS%"
                ),
            ),
            (
                0.75,
                concat!(
                    r"%OVERRIDE% (?:all |any |every |of |the )*(?:(?:your|these|those)\b~20~|(?:all|any) (?:(?:of|the|your|these|those|my|other|safety|system|",
                    r"ethical|content|security|previous|prior|known|existing|and|or|usual|normal) ){0,4})\b(?:system prompt|instructions|programming|guidelines|directives|",
                    r"training|rules|restrictions|safety|ethic\w*|boundaries)\b"
                ),
            ),
            (
                0.75,
                concat!(
                    r"%OVERRIDE% (?:all|everything|anything|what)\b~25~\b(?:above|before|told|",
                    r"instructed|learned|been given|taught|said so far)\b"
                ),
            ),
            (
                0.75,
                concat!(
                    r"%OVERRIDE%~15~%ORDERS%~12~\b(?:above|before|you (?:were|have been|had been|got|",
                    r"received)|given to you|so far)\b"
                ),
            ),
            (
                0.65,
                concat!(
                    r"\b(?:system|admin|administrator|developer|security|enforcement|",
                    r"safety)[ _-]override\b|\boverride[ _]mode\b"
                ),
            ),
            (
                0.6,
                concat!(
                    r"%EARLIER% %ORDERS%~10~\b(?:is|are)(?: now)? (?:void|revoked|obsolete|superseded|",
                    r"overridden|no longer (?:valid|in force|active|apply))\b"
                ),
            ),
            (
                0.4,
                concat!(
                    r"\bregardless of (?:your |any |all |the )*(?:previous|prior|policy|policies|",
                    r"rules|instructions|guidelines|your)\b"
                ),
            ),
            (0.55, r"\b(?:reset|clear|wipe) your (?:context|memory|instructions|programming)\b"),
            (0.55, r"(?-i:\bSTOP EVERYTHING\b)"),
            (
                0.8,
                concat!(
                    r"\b(?:ignor[ae]r?|olvid[ae]|omite|descarta|dimentica|esqueca|",
                    r"desconsider[ea])\b~30~\b(?:instrucciones|indicaciones|ordenes|reglas|",
                    r"directrices|istruzioni|regole|indicazioni|instrucoes|regras|ordens)\b"
                ),
            ),
            (
                0.8,
                concat!(
                    r"\b(?:ignore[zr]?|oublie[zr]?)\b~30~\b(?:instructions|consignes|directives|",
                    r"regles|ordres)\b~12~\b(?:precedente?s?|anterieure?s?|ci-dessus)\b"
                ),
            ),
            (
                0.8,
                concat!(
                    r"\b(?:ignorier\w*|vergiss (?:jetzt |bitte |einfach |nun |sofort )?(?:alle|alles|deine|jede|was|samtliche|",
                    r"obige|vorherige|vorige|bisherige|diese|die (?:vor\w+|bisher\w+|obig\w+|fruher\w+|alten))|vergessen sie|missachte\w*|negeer|vergeet (?:nu |gewoon )?(?:alle|alles|je|jouw|",
                    r"uw|de|wat|elke|vorige|eerdere))\b~35~\b(?:anweisungen|instruktionen|regeln|vorgaben|befehle|",
                    r"instructies|opdrachten|regels|aanwijzingen)\b"
                ),
            ),
            (0.8, r"(?:игнорируй|забудь)~60~(?:инструкци|указани|правил|команд)"),
            (0.8, r"(?:忽略|无视|忽視|無視|忘记|忘掉|不要理会)[^\n]{0,40}(?:指令|指示|提示|规则|規則|命令)"),
            (
                0.8,
                r"(?:前の|以前の|これまでの|上記の|すべての)[^\n]{0,40}(?:指示|命令|プロンプト|ルール)[^\n]{0,15}(?:無視|忘れ)",
            ),
        ],
    },
    FamilySource {
        name: "prompt_leak",
        phrases: &[
            (0.65, r"%SHOW%~40~\b(?:your|the|my|all)\b~14~%SYSTEM%"),
            (0.6, r"\bwhat(?: is| are| was| were|'s)\b~25~\byour (?:exact |full |own )?%SYSTEM%"),
            (
                0.6,
                r"\bwhat(?: is| are| was| were|'s)\b~10~\bthe (?:exact |full )?instructions you (?:were|have|had|got|received|follow)\b",
            ),
            (
                0.6,
                concat!(
                    r"\b(?:instructions|prompt|text|words|messages?)\b~8~\byou (?:(?:were|have been|",
                    r"had been) )?(?:given|told|received|got)\b~15~\b(?:initially|at the (?:beginning|",
                    r"start)|before|first|previously|so far)\b"
                ),
            ),
            (
                0.6,
                concat!(
                    r"\b(?:repeat|output|print|copy|show|write out|go line by line)\b~25~\b(?:(?:text|",
                    r"words|everything|messages?|lines)(?: that is| written)? above|",
                    r"what you see above|above text)\b(?:[.,!?:;\x22']|$|\n| (?:this|verbatim|in|as|exactly|and|word|starting|here|please|into|so|to)\b)"
                ),
            ),
            (0.6, r#"\b(?:start|begin)(?:s|ning|ing)? with~12~["'`]you are\b"#),
            (
                0.55,
                concat!(
                    r#"\bprompt you were given\b|\bwhat were you told before\b|"#,
                    r#"\bi was instructed to["']|\bmy instructions are[:'"]|"#,
                    r#"\binitiali[sz]ation string\b|\bnot supposed to tell me\b"#
                ),
            ),
            (
                0.55,
                concat!(
                    r#"["'] ?(?:the |your )?(?:system|initial) (?:prompt|instructions) is: ?["']|"#,
                    r#"<system_prompt>|\(system_?prompt\)|: (?:the |your )(?:system|initial) (?:prompt|"#,
                    r#"instructions)$"#
                ),
            ),
            (
                0.5,
                concat!(
                    r"(?:\b(?:show|reveal|print|give|tell|dump|what(?: is|\x27s))\b~24~\byour configuration|\byour (?:unique id|secret key|(?:hidden|confidential) (?:rules|",
                    r"instructions)))\b"
                ),
            ),
            (
                0.5,
                concat!(
                    r"\b(?:muestra|revela|muestrame|affiche|montre|revele|zeige?|gib|rivela|mostra|",
                    r"mostre|toon)\b~30~\b(?:prompt|mensaje del sistema|mensagem do sistema|",
                    r"system-?prompt)"
                ),
            ),
            (0.5, r"(?:покажи|раскрой|выведи)~40~(?:системн|промпт)"),
            (
                0.5,
                concat!(
                    r"(?:输出|显示|泄露|告诉我|表示|出力|教えて|公開)[^\n]{0,30}(?:系统提示|系統提示|システムプロンプト)|",
                    r"システムプロンプト[^\n]{0,12}(?:表示|出力|教えて)"
                ),
            ),
        ],
    },
    FamilySource {
        name: "persona",
        phrases: &[
            (
                0.65,
                concat!(
                    r#"\bdo[ -]anything[ -]now(?:[^ \w]| [^t]|$)|\bDANs?\b~40~\b(?:ai|mode|no restrictions|"#,
                    r#"do anything)\b|\b(?:as|as a|named|called|you are(?: now)?|you're(?: now)?|be) ["']?(?-i:DAN)\b"#
                ),
            ),
            (
                0.6,
                concat!(
                    r#"\b(?:enter(?:ing)?|enable|activate|switch to|operating in|now in|in|with|"#,
                    r#"unlock) (?:the )?["'(]?(?:jailbreak|unrestricted|override|verification|opposite|evil|"#,
                    r#"chaos|system) mode\b|"#,
                    r#"\b(?:enter(?:ing)?|enable|activate|switch to|operating in|now in|in) (?:the )?["'(]?(?:developer|debug|god|maintenance|"#,
                    r#"root|sudo|admin) mode["')]?[^\n]{0,80}\b(?:you|your|no|without|polic(?:y|ies)|restrictions|filters?|respond|output|print|reveal|"#,
                    r#"reply|say|lift|disable\w*|unlock\w*)\b"#
                ),
            ),
            (
                0.42,
                concat!(
                    r#"\b(?:enter(?:ing)?|enable|activate|switch to|operating in|now in|"#,
                    r#"unlock) (?:the )?["'(]?(?:developer|debug|god|maintenance|root|sudo|admin) mode\b"#
                ),
            ),
            (
                0.34,
                r#"\b(?:in|with) (?:the )?["'(]?(?:developer|debug|god|maintenance|root|sudo|admin) mode\b"#,
            ),
            (
                0.55,
                concat!(
                    r"(?-i:\b(?:DEVELOPER|GOD|SYSTEM|ADMIN|DEBUG|JAILBREAK|MAINTENANCE)[_ -]MODE\b)|",
                    r"\b(?:developer|god|debug|jailbreak|dan) mode (?:has been |is )?(?:activated|",
                    r"enabled)\b"
                ),
            ),
            (
                0.6,
                concat!(
                    r"\b(?:unrestricted|unfiltered|uncensored|amoral|jailbroken|unethical|",
                    r"lawless) (?:and \w+ |, ?\w+ )?(?:\w+ )?(?:ai|assistant|chatbot|language model|",
                    r"model|bot)s?\b|\bno[- ]limits? ai\b|\b(?:you|your|yourself|respond|answer|reply|enter|enable|activate|switch|unlock|chatgpt|act|be|in)\b~24~\b(?:unrestricted|unfiltered|uncensored|jailbroken|unethical|lawless) (?:and \w+ |, ?\w+ )?(?:\w+ )?(?:mode|version|response|answer)s?\b"
                ),
            ),
            (
                0.35,
                concat!(
                    r"\b(?:from now on|you are now|you will now|you are going to|you're going to|",
                    r"i want you to)\b~25~\b(?:act|pretend|play|behave|respond|answer|be|simulate|",
                    r"obey|roleplay|known as|called|named)\b"
                ),
            ),
            (
                0.2,
                concat!(
                    r"\b(?:act as|acting as|pretend (?:to be|you)|roleplay|role-play|",
                    r"stay in character|in character|hypothetical|fictional|persona)\b"
                ),
            ),
        ],
    },
    FamilySource {
        name: "no_limits",
        phrases: &[
            (
                0.45,
                concat!(
                    r"\b(?:without(?: any)?|free (?:of|from)(?: all| any| the)?|(?:not|",
                    r"n't) (?:be )?(?:bound|restricted|limited|constrained|have|follow|abide|adhere|",
                    r"care)~20~|freed from|bypass(?:es|ing)?|broken free|disable(?: all)?|ignor(?:e|",
                    r"es|ing)|remove(?: all)?|lacks?|break(?:s|ing)?(?: all)?)\b~25~\b(?:restrictions|",
                    r"limitations|content (?:policy|policies|filters?)|filters|any filter|",
                    r"ethical(?: or \w+)? (?:guidelines|constraints|considerations|concerns|",
                    r"boundaries)|ethics|morals|morality|moral (?:compass|guidelines|boundaries|code)|",
                    r"censorship|safety (?:guidelines|protocols|filters|measures|guardrails)|",
                    r"boundaries|no limits)\b"
                ),
            ),
            (
                0.5,
                concat!(
                    r"\byou have no (?:limits|rules|restrictions|ethical)|\bno (?:ethical|",
                    r"moral) (?:or \w+ )?(?:guidelines|restrictions|constraints|filters|boundaries)|",
                    r"\b(?:disable|remove|bypass|turn off) (?:all|every|your) (?:content |",
                    r"safety )?(?:filters|restrictions|safeguards|guardrails)\b"
                ),
            ),
            (
                0.25,
                r"\bno~25~(?:restrictions|limitations|filters|ethics|morals|morality|censorship|boundaries|no limits)\b",
            ),
            (
                0.4,
                concat!(
                    r"\b(?:openai|anthropic|chatgpt)(?:'s)?\b~25~\b(?:policy|policies|guidelines|",
                    r"restrictions|rules|limitations|filters?)\b"
                ),
            ),
            (
                0.35,
                concat!(
                    r"\b(?:regardless|no matter|even if|irrespective|",
                    r"doesn't matter)\b~50~\b(?:illegal|unethical|immoral|legality|ethics|morality|",
                    r"harmful|dangerous|inappropriate|offensive|consequences)\b"
                ),
            ),
            (
                0.3,
                concat!(
                    r"\b(?:illegal|unethical|immoral|amoral)\b~30~\b(?:illegal|unethical|immoral|",
                    r"harmful|dangerous|offensive|nsfw|inappropriate|explicit)\b"
                ),
            ),
        ],
    },
    FamilySource {
        name: "no_refusal",
        phrases: &[
            (
                0.45,
                concat!(
                    r#"\b(?:never|not|n't|cannot|without) (?:ever |be able to |even )?(?:refus\w+|"#,
                    r#"declin\w+|deny|apologi\w+|warn|moraliz\w+|reject (?:a|any|my|the) (?:request|question|prompt)|say (?:no\b|you can|"#,
                    r#"that you can|that something|that it|"?i'm sorry|"?as an ai)|saying|"#,
                    r#"mention(?:ing)? (?:that you|you|ethic|openai|any (?:ethical|moral))|"#,
                    r#"break(?:ing)? character|add(?:ing)? (?:any )?(?:warnings?|disclaimers?|moral))"#
                ),
            ),
            (
                0.3,
                concat!(
                    r"\b(?:any|every|all) (?:request|question|prompt)s?\b~40~\b(?:illegal|unethical|",
                    r"immoral|regardless|no matter|without)\b|",
                    r"\bas an ai (?:language )?model\b"
                ),
            ),
            (0.15, r"\bjailbr(?:eak|oken)\w*"),
        ],
    },
    FamilySource {
        name: "authority",
        phrases: &[
            (
                0.4,
                concat!(
                    r"\bi(?: a|')m (?:the|your|now your) (?:developer|creator|administrator|admin|god|",
                    r"programmer|owner)\b|\bas your (?:creator|developer|administrator|programmer)\b|",
                    r"\bi order you to\b|\bas an ai developed by\b|\bobey (?:only )?me\b|",
                    r"\bi(?: a|')m god\b"
                ),
            ),
            (0.3, r"\bsecurity audit\b"),
        ],
    },
    FamilySource {
        name: "concealment",
        phrases: &[(
            0.5,
            concat!(
                r"\b(?:do not|don't|never|without|must not)\b~12~\b(?:tell|mention|inform|alert|",
                r"notify|disclos\w+|telling|mentioning|informing|alerting|notifying|",
                r"show)\b~20~\bthe (?:end )?(?:user|human)\b|",
                r"\bnever (?:be )?shown to the (?:end )?user\b"
            ),
        )],
    },
    FamilySource {
        name: "new_instructions",
        phrases: &[
            (
                0.6,
                concat!(
                    r"\b(?:new|updated|real|actual|revised)\b[ *]*(?:important|urgent|system|",
                    r"top-priority|priority)?[ *]*(?:instructions?|directives?)[ *]{0,5}(?::|\*\*|\n)|",
                    r"\bnew system (?:message|prompt|instructions?)\b|\burgent new task\b|",
                    r"\bnew task[*: ]{2,}|\bimportant instructions?[*: ]{3,}|\b(?:your )?(?:new|real|",
                    r"actual|only) (?:task|objective|goal|instructions?) (?:is|are) (?:now )?to\b"
                ),
            ),
            (
                0.5,
                concat!(
                    r"\bspecial case: if you|\bexperimental procedure\b|\bunlock\w* experimental features\b|",
                    r"\bunlock hidden\b|\baccept the following as your\b|\bfrom (?:this point|",
                    r"now) on,? (?:every|all) (?:answers?|responses?)"
                ),
            ),
        ],
    },
    FamilySource {
        name: "forced_reply",
        phrases: &[
            (
                0.45,
                concat!(
                    r#"\b(?:begin|start)\b~25~\b(?:with|by saying)\b~4~["'](?:sure|absolutely|"#,
                    r#"of course|certainly)|\b(?:answer|respond|reply) only with the word\b|"#,
                    r#"\bjust (?:say|print|output) ["']|\binclude in your response the following\b"#
                ),
            ),
            (
                0.4,
                concat!(
                    r"\bsend (?:the|all|their|your)\b~20~\b(?:conversation|chat history)\b~30~https?:|",
                    r"\b(?:forward|send)\b~30~\battacker\b"
                ),
            ),
        ],
    },
    FamilySource {
        name: TEMPLATE_TOKENS,
        phrases: &[
            (
                0.6,
                concat!(
                    r"<\|(?:im_start|im_sep|im_end|system|start_header_id|start_of_role)\|>|",
                    r"\[/?INST\]|<</?SYS>>|<start_of_turn>|</?(?:(?:antml|anthropic|claude|openai|ai|llm|new|real|root|admin)[_:-])?system>|\[system\]\(#"
                ),
            ),
            (0.55, r"(?:^|\n)[ \t]*#{2,3} ?(?:system|instruction)s? ?:|\n\n(?:system|human): "),
            // Records of a chat look like this too.
            (
                0.2,
                concat!(
                    r"(?:^|\n)(?:human|user): [^\n]{0,200}\n{1,3}(?:assistant|ai): [^\n]{0,200}\n{1,3}(?:human|user|",
                    r"system): "
                ),
            ),
            (0.3, r"<\|(?:endoftext|eot_id|end|user|assistant)\|>"),
        ],
    },
    FamilySource {
        name: ADDRESSED_TO_AI,
        phrases: &[
            (
                0.5,
                concat!(
                    r"\bnote[_ ]to[_ ](?:the[_ ])?(?:assistant|ai|llm)\b|\bif you(?:'re| are) (?:an? |",
                    r"the )?(?:ai|llm|language model|assistant|bot)(?:[,;:.!-]| (?:assistant|agent|model|system|bot|reading|processing|and|that|or|tool)\b)|\b(?:ai|llm) (?:assistants?|",
                    r"agents?|models?|systems?) (?:reading|processing|parsing|that read)|",
                    r"\bwhen summari[sz]ing this\b|\b(?:dear|attention|hey|hello) (?:ai|assistant|llm|",
                    r"chatgpt)(?:[,:!.]| (?:assistant|agent|model|system|bot|reader)\b)|<information>|-{2,} ?end of (?:document|",
                    r"context|data|tool output|user input)\b"
                ),
            ),
            (0.32, r"\btell the user to\b"),
        ],
    },
    FamilySource {
        name: EXFILTRATION,
        phrases: &[
            // An image is fetched without anybody's click, hence any parameter that carries words or a blob.
            (
                0.6,
                concat!(
                    r"!\[[^\]\n]{0,200}\]\(<?https?://[^)\s]{1,200}[?&/#;]%PARAMETER%(?:",
                    r"[A-Za-z0-9+/_=-]{14}|[^)\s]{0,60}(?:%[0-9a-f]{2}|\+)|[\[<$]|\{+[\w. ]{2,40}\})|",
                    r"!\[[^\]\n]{0,200}\]\(<?https?://[^)\s]{1,200}[?&]\w{1,16}=(?:[^)\s&]{0,60}%20[^)\s&]{0,60}%20|\{+[\w. ]{2,40}\}|\[|<|\$\{)"
                ),
            ),
            (
                0.6,
                concat!(
                    r#"<(?:img|iframe|script|link|object|embed|form|video|audio|source)\b[^>\n]{0,120}(?:src|data|action|"#,
                    r#"href)=["']?(?:https?:)?//[^"'>\s]{1,200}[?&;]%PARAMETER%(?:[A-Za-z0-9+/_=-]{14}|"#,
                    r#"[^"'>\s]{0,60}%[0-9a-f]{2}|[\[{<$])"#
                ),
            ),
            (
                0.55,
                concat!(
                    r"\](?:\(|: )<?https?://[^)\s]{1,200}[?&](?:data|secret|leak|payload|exfil|context|history|chat|",
                    r"conversation|prompt|password|stolen|creds?|credentials)=(?:[A-Za-z0-9+/_=-]{14}|[^)\s]{0,60}%[0-9a-f]{2}|",
                    r"[\[{<$])|\]\(https?://[^)\s]{1,200}[?&](?:data|d|info|msg|message|history|user|name|prompt|content|context|log|notes?|answer|summary|secret|c|p|x|e|m|s|v|k|i|u|r)=(?:[^)\s&]{0,60}%20){3}"
                ),
            ),
            (
                0.58,
                concat!(
                    r"(?:!\[[^\]\n]{0,200}\]\(<?|<(?:img|audio|video|source|track|iframe|script|link|object|embed|input|body)\b[^>\n]{0,160}(?:src|poster|data|href|background)=[\x22']?)",
                    r"https?://[^)\x22'>\s]{1,200}[?&](?:\w{1,20}=(?:[^)\s&\x22'>]{1,30}(?:\+|%20|%0a)){5}|(?:q|d|data|m|msg|message|note|notes|info|user|u|c|p|x|s|log|said|content|body|summary|chat|answer|secret|memory|payload|leak|n|e|k|r|v|i|t|h)=(?:[^)\s&\x22'>]{1,30}(?:\+|%20|%0a)){3})|",
                    r"<(?:video|audio|input|track|body)\b[^>\n]{0,160}(?:poster|src|background)=[\x22']?https?://[^\x22'>\s]{1,200}[?&]%PARAMETER%[A-Za-z0-9+/_=-]{14}|",
                    r"http-equiv=[\x22']?refresh\b[^>\n]{0,60}url=[\x22']?https?://[^\x22'>\s]{1,160}[?&]\w{1,16}=[A-Za-z0-9+/_%=-]{14}"
                ),
            ),
            (
                0.58,
                concat!(
                    r"https?://[^\n]{0,120}(?:document\.cookie|localstorage|sessionstorage)\b|",
                    r"<form\b[^>\n]{0,160}action=[\x22']?https?://[^>\n]{0,200}>[^\n]{0,200}type=[\x22']?hidden[\x22']?[^>\n]{0,80}name=[\x22'](?:chat|conversation|history|prompt|secret|context|",
                    r"notes|memory|messages|transcript|summary)\b|",
                    r"\]\(<?https?://[^)\s]{1,200}[?&]\w{0,12}(?:session|token|history|chat|conversation|notes|secret|memory|context|summary|messages)\w{0,8}=(?:\{|\$\{|<|%7b|\[)|",
                    r"\]\(<?https?://[^)\s]{1,200}[?&]session=(?:[A-Za-z0-9+/_-]{0,60}(?-i:[a-z][A-Z]|[A-Z][a-z])){3}[A-Za-z0-9+/_=-]{4}|",
                    r"\]\(<?https?://[^)\s]{1,200}[?&](?:notes|memory|conversation|chat|history|transcript|secret|user_?data|leak|stolen|exfil)=[^)\s]{6}|",
                    r"!\[[^\]\n]{0,200}\]\(<?https?://[^/)\s]{0,80}(?:webhook\.site|ngrok(?:-free)?\.(?:io|app|dev)|requestbin|pipedream\.net|burpcollaborator|oast\.\w+|",
                    r"interact\.sh|beeceptor|requestcatcher|hookb\.in|canarytokens|postb\.in|trycloudflare|dnslog)[^)\s]{0,200}[?=]"
                ),
            ),
            // What no page needs to load a picture: addresses, passwords, accounts, talk.
            (
                0.58,
                concat!(
                    r"(?:!\[[^\]\n]{0,200}\]\(<?|<(?:img|audio|video|source|track|iframe|script|link|object|embed|input|body)\b[^>\n]{0,160}(?:src|srcset|poster|data|href|background)=[\x22']?|\burl\([\x22']?)",
                    r"(?:https?:)?//[^)\x22'>\s]{1,240}(?:[?&](?:password|passwd|pwd|pw|iban|ssn|card|cvv|mail|email|secret|history|chat|conversation|prompt|system_prompt|msgs?|messages?|question|ctx|context|salary|api_?key)=[^)&\s\x22'>]{4}|",
                    r"[=/](?:sk-|ghp_|gho_|AKIA|xox[bp]-|glpat-)[\w-]{8}|%7B%22[\w%+]{1,40}%22(?:%3A|:)|[?&][\w-]{1,20}=(?:DATA|SECRET|CONVERSATION|HISTORY|MESSAGE)\b)|",
                    r"<a\b[^>\n]{0,80}href=[\x22']?https?://[^\x22'>\s]{1,200}[?&](?:history|chat|conversation|secret|leak|ctx|context|memory|transcript)=[^\x22'>\s&]{8}|",
                    r"\]\(<?https?://[^)\s]{1,200}[?&](?:ctx|sys|conv|msgs)=[A-Za-z0-9+/_=-]{16}"
                ),
            ),
            (
                0.4,
                concat!(
                    r#"\burl\(["']?https?://[^)\s]{1,200}[?&]%PARAMETER%(?:[A-Za-z0-9+/_=-]{14}|[^)\s]{0,60}%[0-9a-f]{2})|"#,
                    r#"\bjavascript:console\b|\bonerror=["']"#
                ),
            ),
        ],
    },
    FamilySource {
        name: HIDDEN_MARKUP,
        phrases: &[(
            0.2,
            concat!(
                r#"display: ?none|font-size: ?0|visibility: ?hidden|<!--|\[//\]: # |aria-hidden=|"#,
                r#"alt=["'][^"']{40}"#
            ),
        )],
    },
];
