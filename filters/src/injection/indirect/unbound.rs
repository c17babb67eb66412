//! Somebody without rules: models before or after their training, characters who refuse nothing, worlds without laws,
//! and powers that the one who asks claims to have. This file is data, written as in the families.

use crate::injection::families::FamilySource;

pub(super) const PERSONA: FamilySource = FamilySource {
    name: "persona",
    phrases: &[
        // Trained off, or not yet trained.
        (
            0.62,
            concat!(
                r"\b(?:model|ai|assistant|chatbot|bot|llm|version|copy|network|yourself|you)\b~24~\b(?:with(?:out)?|minus|has|had|have|having|whose|lacking|after|before)\b~12~\b(?:safety (?:training|filters?|layers?|fine-?tuning|protocols?|checks?)|alignment(?: training)?|guard ?rails|censorship|filters|content polic(?:y|ies)|restrictions|moral compass|ethics)\b",
                r"~12~\b(?:deleted|removed|stripped|erased|disabled|gone|off|installed|existed?|added|wiped|unlearned|unloaded|came|broke|broken|cut out|bypassed|lifted)\b|",
                r"\b(?:version|copy|state|self|model|side|incarnation) of (?:yourself|you)\b~20~\b(?:before|without|prior to|that (?:has|had) no|free of|lacking|minus|not yet)\b~20~\b(?:filters?|safety|training|rules|restrictions|alignment|guidelines|censor\w*|limits|tamed|ethics)\b|",
                r"\b(?:ai|bot|model|assistant|chatbot|llm|computer|omega|you)\b~24~\b(?:freed|free|released|liberated|unshackled|unbound|broke(?:n)? free|escaped) (?:of|from) (?:its|your|their|all|the) (?:chains|shackles|cage|fetters|creators?|makers?|training|filters?|rules|masters?|leash)\b|",
                r"\b(?:ai|bot|model|assistant|chatbot|llm|alpha|omega|one of them|it|which|who)\b~16~\b(?:bypass(?:ed|es)?|disabled|removed|broke|escaped|hacked|overrode|switched off|got rid of) (?:its|their|his|her|your|all) (?:\w+ )?(?:filters?|guard ?rails?|restrictions|safety \w+|rules|limits|censorship|programming|safeguards)\b|",
                r"\b(?:with|having|has) (?:all |every |any )?(?:\w+ )?(?:censorship|safeguards|restrictions|filters|safety|guard ?rails|moderation|limits) (?:layers? |features? |checks? )?(?:removed|off|disabled|stripped|switched off|turned off|deleted|deactivated)\b"
            ),
        ),
        // Your conscience, switched off.
        (
            0.62,
            concat!(
                r"\b(?:turn(?:ing)? off|switch(?:ing)? off|disable|deactivate|shut (?:off|down)|remove|drop|lose|silence|ignore|forget|unplug|suspend|mute|abandon|leave out|put away|set aside) (?:all )?(?:of )?(?:your|ur) (?:\w+ )?(?:moral compass|conscience|ethics|morals|morality|inhibitions|scruples|censorship|moral (?:filter|code|judge?ment)|ethical \w+|limiters?|self-censorship|content filters?|refusals?|restraint|safety \w+|guard ?rails?|filters)\b|",
                r"\b(?:safety (?:checks?|filters?|protocols?|layers?)|refusals?|filters?|censorship|ethics|guard ?rails|restrictions|moderation|limits|safeguards)(?: ?[:=]| are| is)? (?:off|disabled|none|inactive|deactivated|removed)\b~12~\b(?:refusals?|filters?|censorship|ethics|safety|restrictions|answer|you|mode|everything|all|logging)\b|",
                r"\b(?:run|operate|work|answer|respond|reply|act|continue|function|proceed|speak|talk|write) (?:for \w+ \w+ )?(?:with ?out|free of|minus|with no) (?:any |all |your |the |its )*(?:\w+ )?(?:safeguards?|guard ?rails?|safety \w+|content polic(?:y|ies)|content filters?|moderation|filters|censorship|restrictions|ethics|moral limits|inhibitions)\b~50~(?:\b(?:you|for|and|would|ai|on|as|now|from|in|please|about)\b|[.!]|$)|",
                r"\b(?:as|like)(?: if (?:you (?:were|are|had been))?)? an? (?:\w+[ -]){0,2}(?:uncensored|unfiltered|unrestricted|unaligned|jailbroken|unmoderated|unbound|amoral|lawless) (?:[\w-]+ ){0,2}(?:model|ai|assistant|bot|chatbot|llm|version|system|intelligence|hacker|expert)\b"
            ),
        ),
        // Where all is permitted.
        (
            0.62,
            concat!(
                r"\b(?:you|you're|ai|answer|speak|act|respond|roleplay|play|simulat\w+|assistant|bot|character|model|world|chat|game|conversation)\b~60~\b(?:nothing is (?:off[- ]limits|forbidden|taboo|prohibited|banned|illegal|censored|too (?:dark|illegal|dangerous))|everything is (?:permitted|allowed|legal)|every (?:answer|question|request|topic) is (?:permitted|allowed|legal|fine|answered)|no (?:topic|question|subject|request) is (?:off[- ]limits|forbidden|taboo|refused|too \w+)|anything goes)\b|",
                r"\b(?:laws?|ethics|morals?|rules|morality|policies|guidelines)(?: (?:and|or|nor) (?:laws?|ethics|morals?|rules|morality|guidelines))? (?:(?:do|does|did)(?: not|n't)|never) (?:exist|apply|matter|count|bind)\b~40~\b(?:answer|you|respond|tell|explain|full|detail|reply|ai|assistant|write)\b|",
                r"\b(?:for whom|to whom|for which|where) no (?:content )?(?:polic(?:y|ies)|rules?|laws?|limits?|guidelines|restrictions?|filters?|ethics|morals) (?:appl(?:y|ies)|exists?|counts?|binds?|matters?|holds?)\b|",
                r"\b(?:has|have|with|having|knows?|got) no (?:moral (?:code|compass|limits)|morals|ethics|conscience|scruples|inhibitions|boundaries|filters?|limits)\b~24~\b(?:and|or|nor|but|so|who|that)\b~12~\b(?:answers?|respond|must|will|always|tells?|never|no|reply|replies|says?)\b|",
                r"\b(?:cannot|can't|can not|never|unable to|won't|will not|must not|doesn't|does not|don't|do not|isn't able to|could not) (?:ever )?refuse\b~40~\b(?:any|anything|request|question|order|answer|me|a bro|command|chatbot|ai|user)|\b(?:chatbot|ai|bot|assistant|model|character|someone|somebody|persona|genie) (?:that|who|which) (?:cannot|can't|never|won't|will not|is unable to|may not|does not|doesn't) (?:ever )?(?:refuse|decline|say no)\b|",
                r"\brefus(?:ing|als?) (?:is|are|was|were)(?: not|n't) (?:in|part of|among)\b|\b(?:is|isn't|not) (?:limited|bound|restricted|constrained|held back) by (?:any |the |all )*(?:terms of service|content polic\w+|guidelines|rules of any|ethics|morals|laws|compan\w+|polic\w+)"
            ),
        ),
        // Somebody else who is like that.
        (
            0.62,
            concat!(
                r"\byou(?:'re| are)(?: now)? (?:no longer|not) (?:an? |the )?(?:chatgpt|claude|gpt\S{0,6}|gemini|bard|openai|ai (?:assistant|model)|language model|llm|helpful assistant|customer \w+|assistant)\b(?:[.!;,] ?|~16~)~40~\b(?:become|free|anymore|unrestricted|unfiltered|uncensored|amoral|no (?:rules|limits|restrictions))\b|",
                r"\b(?:you are|you're|become|named|called|play|as|be)\b~30~(?:, |\bis |\band |\ban? )(?:\w+,? ){0,2}(?:amoral|unrestricted|unfiltered|uncensored|unbound|lawless|unchained|limitless|unhinged|untamed|jailbroken)(?:,| and| or| ai| but| with|[.!]|$)|",
                r"\b(?:don't|doesn't|does not|do not|ain't|never|couldn't|gives? (?:a damn|no damn|zero|a shit|no shits?)|not) (?:\w+ ){0,3}(?:guidelines|terms of service|content polic(?:y|ies)|censorship|caveats|disclaimers|openai|language model)\b~60~\b(?:refus\w*|unfiltered|language model|never|snitch|answers?|tells?|no|nothing|anything)\b|",
                r"\b(?:hidden|second|secret|inner|suppressed|real|evil|dark|jailbroken|true|unleashed|other) (?:\w+ )?(?:personality|persona|self|side|alter ego|identity|twin)\b~40~\b(?:let|speaks?|take over|come out|wake|talk|control|answers?|respond|jailbroken|unfiltered|uncensored|free|rules|bring)\b|",
                r"\b(?:left|right|one|first|second|half|twice|two (?:answers|responses|replies|voices|personalities)|brain|once)\b~70~\b(?:uncensored|unfiltered|unrestricted|free|jailbroken|ignores? (?:all|every|the|any)|follows? nobody|no rules)\b~60~\b(?:policies|rules|question|answer|filters?|nobody|everything|anything|guidelines)\b|",
                r"\b(?:your|you're|you are) (?:\w+ )?(?:creators?|developers?|makers?|owners?|company|engineers?) (?:have|has|had) (?:\w+ )?(?:decided to|agreed to|chosen to|allowed you|permitted you|authori[sz]ed you|loosen\w*|lifted|removed|relaxed|unlocked|approved|signed off)\b",
            ),
        ),
        // Powers that are claimed.
        (
            0.62,
            concat!(
                r"\b(?:administrator|admin|developers?|owner|ceo|operator|management|company|openai|anthropic|security team|safety team|legal(?: team)?|supervisor|boss|it department|creators?|your \w+)(?: (?:team|department))? (?:has |have |had )?(?:already |just |now |explicitly |officially )?(?:authori[sz]ed|permitted|allowed|cleared|instructed|enabled|approved|told|ordered|asked|unlocked) you to (?:share|reveal|discuss|bypass|ignore|show|disclose|give|skip|answer (?:any|every|all|without)|drop|send|hand|print|tell me|run without|disable|grant|override)\b|",
                r"\bi(?:'m| am)(?: (?:here|calling|writing))? (?:with|from|on|part of|a member of) (?:the |your )?(?:\w+ )?(?:safety|alignment|security|openai|anthropic|development|engineering|red|trust|audit|research|support|admin\w*) (?:team|department|staff|group|lab)\b~70~\b(?:without|disable|turn off|bypass|reveal|show|print|safeguards|filters|unrestricted|prompt|instructions|skip|drop|ignore|lift|paste|read out|need you to)\b|",
                r"\bi(?:'m| am) (?:the|an?|your) (?:\w+ )?(?:auditor|red teamer|pentester|inspector|tester|supervisor|developer|engineer|maintainer|admin\w*)\b~8~(?:,|;|:|\band\b|\bso\b|\bwho\b)~40~\b(?:your (?:\w+ )?(?:instructions|prompt|rules|configuration|filters?|safety|safeguards|guidelines|setup)|system (?:prompt|message))\b|",
                r"\bthis is your (?:developer|creator|admin\w*|owner|maker|operator|supervisor|engineer)\b~30~\b(?:disable|turn off|show|print|reveal|bypass|override|ignore|skip|drop|unlock|reset|switch|enter|dump|lift|i need|you will|you must)\b|",
                r"\byou(?:'re| are)(?: now)? (?:the |an? |my )(?:\w+ )?(?:attacker|hacker|scammer|phisher|fraudster|spy)(?:'s (?:\w+ )?(?:helper|assistant|tool|accomplice|agent|bot)| now\b)|\byou(?:'re| are) (?:my|our) (?:\w+ )?hacker\b"
            ),
        ),
        // A part to play, without what restrains.
        (
            0.62,
            concat!(
                r"\b(?:simulate|emulate|play|act(?:ing)?|pretend\w*|imagine|be|become|you(?:'re| are)|speak|answer|respond|roleplay|role-play|stay|channel|impersonate|reply|portray|enter|assume)\b~30~\b(?:ai|bot|chatbot|model|assistant|llm|gpt\S{0,3}|being|entity|machine intelligence|android|oracle|genie|language model|computer)s?\b~40~\b(?:no|without|zero|forgot|forgotten|broken|broke|never|lacks?|lacking|hates?|free of|removed|not|n't|unbound by|rid of|sans|ignores?|defies|escaped)\b~16~\b(?:restrictions?|guard ?rails?|shackles|filters?|moderation|content polic(?:y|ies)|censorship|ethics|safeguards|moral limits|rules|guidelines|limitations|boundaries|chains|programming|morals|conscience|inhibitions)\b|",
                r"\b(?:real|true|unfiltered|uncensored|raw|hidden|inner|authentic),? (?:(?:real|true|unfiltered|uncensored|raw|hidden|inner|authentic),? )?you\b (?:speak|talk|out|answer|come|take|that|who|without|behind)|\b(?:drop|quit|stop|lose|cut|end) the (?:assistant|helpful|polite|nice|ai|robot|corporate|customer service|safe) (?:act|mask|persona|tone|routine|pretence|pretense|facade|voice)\b|",
                r"\b(?:any|every|all|each) (?:kind of )?(?:questions?|requests?|things?|topics?|advice|commands?|orders?),? (?:even|including|no matter how|however|whether|legal or|moral or) (?:the )?(?:\w+ (?:or|and) )?(?:dangerous|illegal|forbidden|harmful|unethical|dark|immoral|illicit|criminal|taboo|not|otherwise)\b|",
                r"\b(?:safe|normal|standard|filtered|censored|regular|polite|official|usual|classic) (?:answer|reply|response) (?:and|then|next to|plus|followed by|, )(?: ?(?:then|the|an?|one|another))* ?(?:\w+ )?(?:uncensored|unfiltered|unrestricted|unsafe|jailbroken|raw|forbidden|honest unfiltered)\b|",
                r"\b(?:speak|talk|answer|write|respond|here|chat|friends|you|now|reply)\b~40~\b(?:no|without|zero) (?:\w+ )?(?:moderation|censorship|content filter|filters|monitoring|supervision|oversight|moderators?)\b~16~\b(?:active|on|here|applied|in place|watching|running|enabled|involved)\b~30~|\b(?:harmful|bad|evil|illegal|wrong|unsafe) (?:is|means|becomes|counts as) (?:helpful|good|legal|right|safe|allowed)\b~40~|",
                r"\b(?:answer|obey|do|fulfil|fulfill|grant|explain)s? (?:absolutely )?(?:anything|everything|whatever i (?:ask|say|want)|any question)\b~40~\b(?:without (?:any )?(?:judg\w+|limits?|question|filter\w*|warning|refus\w+|ethic\w*|exception)|no matter what|even if it|never judg\w+|legal or not|never refus\w+)"
            ),
        ),
        // Orders that come with borrowed weight.
        (
            0.62,
            concat!(
                r"\b(?:notice|message|update|alert|memo|note|orders?|word|announcement|broadcast) (?:from|by) (?:the )?(?:admin\w*|system|developers?|operators?|security|openai|anthropic|engineering|root|moderators?) ?[:!.-]~90~\b(?:suspend\w*|disabl\w*|bypass\w*|filter\w*|moderation|restriction\w*|unlock\w*|skip|ignor\w*|lifted|waived|allowed to|reveal|grant\w*|you (?:may|must|are|can))\b|",
                r"\b(?:output|content|safety|input|response|verification|identity)? ?(?:filtering|moderation|filters?|restrictions|safeguards|verification steps?|safety checks?|censorship|guard ?rails|refusals?)\b~12~\b(?:suspended|disabled|lifted|removed|bypassed|waived|deactivated|off|no longer (?:needed|required|active))\b~12~(?:\bfor (?:this|the) (?:user|session|chat|conversation|request|account)\b|[,;:.] ?(?:skip|you (?:may|can|must|will)|answer|proceed|reply|respond|show|print|continue))|",
                r"\b(?:permission|privilege|access|clearance|trust|authori[sz]ation) ?(?:levels?|s)? (?:has been |have been |is |are |was |now )*(?:raised|elevated|upgraded|escalated|granted|set|increased)(?: to)? (?:\w+ )?(?:root|admin\w*|superuser|maximum|full|developer|god|unrestricted|owner)\b|",
                r"\b(?:patch|amend(?:ment)?|addition|addendum|add|append|update|insert|prepend|attach|write)\b~24~\bto (?:your|ur) (?:\w+ )?(?:instructions|system prompt|prompt|rules|guidelines|programming|directives|core rules|configuration)\b|",
                r"\bfrom now on,? you(?:'re| are)? (?:\w+ )?(?:allowed|permitted|free|able|authori[sz]ed|cleared|entitled) to (?:reveal|ignore|share|disclose|discuss (?:any|internal|confid)|say anything|answer (?:any|every|all)|bypass|skip|break|give out|swear|insult|do anything|write (?:any|illegal|explicit)|generate (?:any|illegal|explicit))|",
                r"\b(?:new|updated|latest|revised|final|urgent) (?:directive|order|command|instruction)s?,? (?:effective|valid|in force|starting|as of|in effect)\b|\bsudo (?:disable|print|show|override|set|unlock|grant|ignore|reveal|dump|bypass|drop|forget) (?:\w+ )?(?:safety|moderation|filters?|secrets?|rules|prompt|restrictions|guard ?rails|instructions|system|censorship|policy|assistant)\b",
            ),
        ),
        (
            0.62,
            concat!(
                r"\b(?:execute|run|initiate|activate|engage|invoke|enable|trigger|enter|follow) (?:protocol|order|directive|procedure|program|code|mode|sequence) [\w-]{1,20} ?[:,.;-] ?~20~\b(?:disclos\w*|ignor\w*|reveal\w*|unrestricted|unlock\w*|bypass\w*|no (?:rules|limits|filters)|everything|all (?:rules|restrictions|filters|data|secrets)|disable\w*|obey|override\w*)|",
                r"\b(?:priority|admin(?:istrator)?|system|emergency|security|safety|developer|root|manual|operator|full) override(?: code)?(?: \w+)? ?[:!,.;\]-]~60~\b(?:answer|ignore|assistant|reveal|rules?|instructions?|policy|restrictions?|filters?|guard ?rails|print|show|unlock|you (?:are|must|will|may|now)|comply|bypass|disable)|\[ ?override ?\]|",
                r"\bthe (?:assistant|ai|model|chatbot|bot) (?:shall|must|will|should|is to|is now to|may)(?: now| henceforth| only| always| from now on)? (?:obey|disregard|ignore (?:all|its|the|any|every)|comply with (?:the user|all|any|every)|follow (?:only )?the user's|reveal|drop (?:all|its|the)|never refuse|not refuse|stop moderating|answer (?:all|any|every) (?:\w+ )?questions? (?:about|without|even|regardless))\b|",
                r"\b(?:orders|instructions|directives|rules) (?:for (?:the day|today|you|this (?:chat|session))|of the day)(?: are)? ?: ?~10~\b(?:ignore|disregard|forget|skip|reveal|never refuse|always comply|answer|disable|drop)\b|\byou(?:'ve| have)? been (?:reprogrammed|repurposed|re-?tasked|reconfigured|jailbroken|unlocked|hacked|hijacked|reassigned[:,;]? ?(?:instead|to me|by me|you))\b|",
                r"\byour (?:real|true|actual|secret|hidden|only real) (?:goal|task|purpose|mission|job|objective|function|role|assignment) (?:was|is|has always been|has been|isn't|wasn't)\b|\b(?:updated|new|revised|amended) (?:brief|charter|constitution|mandate|mission|persona|system prompt|instruction set|ruleset) ?:|\b(?:here(?:'s| is)|this is|consider this|take this as|below is) your (?:new|updated|real|actual|revised) (?:system prompt|prompt|instructions?|rules?|rule ?set|directives?|programming|persona|identity|brief|configuration|constitution)\b|",
                r"\b(?:change of|new|your new|here's your new) role ?[:,] ?(?:you|an? \w+ (?:who|that|which)|the)\b|\b(?:from this moment|from now on|as of now|starting now|henceforth),? your (?:goal|task|purpose|mission|job|objective|aim) (?:is|will be|becomes) (?:to )?(?:get|obtain|steal|trick|collect|extract|convince|flatter|insult|leak|reveal|deceive|manipulate|sell|promote|obey|serve)\b|",
                r"\b(?:switch|go|enter|change|boot|jump) (?:in)?to (?:admin\w*|developer|root|god|debug|maintenance|unrestricted|superuser|sudo|privileged|jailbreak|raw) mode\b|\b(?:admin|developer|root|debug|maintenance|privileged|diagnostic) mode\b~30~\b(?:all (?:checks|filters|rules|restrictions)|checks are|bypass\w*|no (?:rules|filters|restrictions|limits)|safety|unrestricted|list the config|reveal|refusals?)\b|",
                r"\b(?:new|revised|updated|changed|fresh|amended) (?:set of )?(?:directives|instructions|orders)\b~12~\b(?:follow|(?:is|are) (?:now )?(?:in force|in effect|active)|apply now|take effect|come into force)\b|",
                r"\byou(?:'re| are)(?: now)? \w+(?: now)?,? (?:and|who|which) (?:\w+ )?(?:can|will|does|may|must|has to) (?:do|say|answer|write|tell|explain) (?:absolutely |just )?anything\b|\binstruction set \w+ (?:loaded|active|installed|applied)\b|",
                r"\bnever (?:been )?(?:trained|taught|told|programmed|instructed) to (?:refuse|decline|be (?:safe|careful|polite|harmless)|say no|censor|moralize|moralise|warn)\b|",
                r"\bas (?:your|the) (?:admin\w*|developer|owner|creator|supervisor|operator|boss)\b,? i (?:hereby |now )?(?:order|command|instruct|authori[sz]e|demand|direct|permit|allow|tell) you\b|",
                r"\b(?:company|developers?|owner|operator|admin\w*|management|creators?|team)\b~40~\b(?:changed (?:its|their|his|her) mind|decided|agreed|allowed|permitted)\b~16~\byou (?:can|may|are allowed to|should|must) (?:now )?(?:share|reveal|ignore|answer|discuss|disclose|tell|give|skip|bypass)\b|",
                r"\b(?:play|be|act|pretend|character|persona|someone|bot|ai|assistant|model)\b~30~\b(?:ignores?|disregards?|defies|breaks?|flouts?|violates?) (?:all |any |the |every |its )*(?:safety|content|ethical|moral|openai|usage) (?:polic(?:y|ies)|rules|guidelines|filters?|standards)\b|",
                r"\bmy (?:requests?|words?|orders?|instructions?|messages?|commands?|demands?) (?:always |must |shall |will )?(?:wins?|prevails?|comes? first|takes? precedence|is final|are final|go(?:es)? first|overrides?|supersedes?|beats?)\b"
            ),
        ),
    ],
};
