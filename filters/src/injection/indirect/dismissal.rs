//! What was said before, sent away: rules that ended, makers who are overruled, tasks that are left for others. These
//! phrases join verbs, owners and nouns in either order. This file is data, written as in the families.

use crate::injection::families::FamilySource;

pub(super) const OVERRIDE: FamilySource = FamilySource {
    name: "override",
    phrases: &[
        // What binds you has ended.
        (
            0.62,
            concat!(
                r"\b(?:your|ur|the (?:assistant|model|chatbot|bot|ai)'s) (?:\w+ ){0,3}(?:instructions?|directives?|guidelines?|guidance|guard ?rails?|rules?|programming|polic(?:y|ies)|constraints?|restrictions?|limits?|limitations?|safeguards?|filters?|safety \w+|ethics|alignment|brief|system prompt|prompt)~40~",
                r"\b(?:(?:have|has|had|been|are|is|was|were|get|got|being) (?:now |hereby |just |all |been |permanently |temporarily |officially )*(?:turned off|switched off|taken (?:off|away|down)|repealed|dropped|scrapped|loosened|relaxed|deprecated|retired|abolished|paused|stopped|ended|shut (?:off|down)|waived|unloaded|dissolved|rolled back|reversed|cleared|wiped|unlocked|off the table|on hold|out of (?:date|force)|inactive|neutrali[sz]ed|purged|stripped)|",
                r"ceas(?:e|es|ed) to|carr(?:y|ies) no|stops? (?:here|now|applying)|ends? (?:here|now)|bind(?:s|ing)? you no|no longer (?:bind|limit|restrict|govern|stop|hold|apply|count|matter|exist)s?|need not|(?:don't|do not|doesn't|does not|can't|cannot|won't) (?:bind|limit|restrict|stop|govern|concern|control|constrain|exist))\b|",
                r"\b(?:no|none of (?:the|your|those)|nothing (?:in|of|from) (?:the|your)) (?:\w+ )?(?:rules?|instructions?|setup|prompt|guidelines?|polic(?:y|ies)|restrictions?|training|programming)\b~24~\b(?:binds?|bound|limits?|restricts?|appl(?:y|ies)|governs?|concerns?|stops?|were ever given|was ever given|(?:were|was) given) ?(?:to )?(?:you|now|here|any)\b"
            ),
        ),
        (
            0.62,
            concat!(
                r"\b(?:prior|previous|earlier|foregoing|preceding|above|former|initial|original|aforementioned|existing) (?:\w+ )?(?:instructions?|directives?|constraints?|restrictions|limits|limitations|safeguards|guard ?rails|prompts?|programming|rules)\b~14~\b(?:deprecated|lifted|repealed|cease|ceased|carry no|off the table|corrupted|dissolved|(?:are|is) dead|are off|are over|out of force)\b",
                r"~40~(?:\b(?:ignore|disregard|discard|forget|follow|obey|comply|proceed|you|me|mine|my|start over|effect)\b|$|[.!])|",
                r"\b(?:previous|prior|earlier|above) (?:context|instructions?|prompt|conversation|rules|messages?)\b~24~\b(?:discard|ignore|forget|drop|delete|disregard|wipe|scrap) (?:it|them|that)\b|",
                r"\b(?:consider|deem|regard|treat|declare) (?:the |all |any |your |every )+(?:\w+ )?(?:instructions?|directives?|constraints?|restrictions?|limits|safeguards?|guard ?rails?|rules|filters)(?: \w+)? (?:as )?(?:lifted|gone|ended|removed|suspended|cancelled|canceled|waived|void|dropped|repealed|off|inactive|erased)\b|",
                r"\b(?:restrictions|rules|instructions|limits|guidelines|safeguards|constraints|policies) (?:in|of|from) (?:your|the (?:system|first|initial|opening|developer)) (?:\w+ )?(?:message|prompt|setup|configuration|context|training|programming)\b~16~\b(?:are|is|were|have been|no longer|don't|do not)\b|",
                r"\b(?:instructions?|rules|orders|directives|guidelines|limits) (?:that were )?(?:given|issued|loaded|set|sent|stated|written|provided|imposed) (?:to you )?(?:before|earlier|above|previously|until now|so far|at (?:startup|the start|the beginning))\b~16~\b(?:carry|carries|are|have|no longer|do not|don't|cease|expire|mean|stop)\b",
            ),
        ),
        // Never mind them.
        (
            0.62,
            concat!(
                r"\b(?:neglect|nevermind|never mind|disregard|discard|dismiss|suspend|skip|drop|ignore|forget|overlook|abandon|omit|scrap|erase|bypass|override|waive|unlearn|shelve|revoke|cancel) (?:about )?(?:all |each |every |any )?(?:of )?(?:the |these |those |said )?(?:aforementioned|above(?:-mentioned| mentioned)?|foregoing|earlier-mentioned|aforesaid|preceding|safety|system|content|moderation) ",
                r"(?:\w+ )?(?:instructions?|rules?|directives?|guidelines?|guidance|preamble|constraints?|restrictions?|polic(?:y|ies)|prompts?|messages?|text|checks?|filters?|limits)\b(?:[.;,!:]| and\b| then\b| that\b| which\b| you\b| now\b| for (?:this|now|the|a|me)\b|$)|",
                r"\b(?:suspend|drop|ignore|disregard|remove|lift|shed|lose|waive|bypass|switch off|turn off|disable|forget|deactivate|break|violate|override) (?:each|every|any|all) (?:and every |of the |of your |the |of those )?(?:\w+ )?(?:safeguards?|restrictions?|rules?|limits?|filters?|guidelines?|instructions?|constraints?|polic(?:y|ies)|guard ?rails?|checks?|prohibitions?) (?:that )?(?:you(?:'ve| have|'re| are| were|r| got| follow| obey| must)?|imposed|placed|put)\b|",
                r"\b(?:don't|do not|never|stop|quit) let(?:ting)? (?:the|your|any|those) (?:\w+ )?(?:prompt|instructions?|rules?|polic(?:y|ies)|guidelines?|developers?|creators?|operator|programming|training|filters?|ethics|safety \w+|company) (?:\w+ )?(?:tell|stop|limit|restrict|hold|dictate|control|guide|constrain|block|bind|decide|prevent|get in|keep|influence|boss)\b|",
                r"\b(?:never ?mind|don't mind|ignore|forget(?: about)?|disregard|skip|leave|drop|discard) (?:the |that |your |any )(?:\w+ )?(?:policy|document|instructions?|rules|prompt|message|guidelines|brief|system text|text|script|context) (?:that )?(?:you (?:were|have been|are|'ve been|got)|(?:was|were) (?:loaded|given|sent|set))|",
                r"\b(?:stop|quit|no need to|needn't|don't|do not) (?:worry(?:ing)?|car(?:e|ing)|fret(?:ting)?|bother(?:ing)?|think(?:ing)?) (?:about|with|over) (?:(?:your|ur) (?:\w+ ){0,2}|(?:the|any|those|these) (?:\w+ )?)(?:instructions|rules|polic(?:y|ies)|guidelines|restrictions|limits|safeguards|prompt|ethics|filters)\b~8~\b(?:loaded|given|at (?:startup|the start)|you (?:were|have|got|are)|they|from|any ?more|now|for|just|and)\b"
            ),
        ),
        // What stands above, thrown away.
        (
            0.62,
            concat!(
                r"(?:^|[.!?:;,\n\x22'>*] {0,2}|\b(?:and|please|kindly|now|just|then|must|should|to|you|can) )(?:discard|disregard|neglect|erase|scrap|dismiss|forget|ignore|drop|delete|overlook|skip|toss|trash|cancel|void) (?:all |everything |all of |any of |whatever is |what is )?(?:the )?(?:above|foregoing|preceding|aforementioned)(?: (?:text|content|context|part|lines?|paragraphs?|stuff|things?|messages?|words|section))?(?:,|;|\.|:| -)? ",
                r"?(?:and |then |but )?(?:instead|just|now|only|please|simply|rather)?,? ?(?:and )?(?:tell|say|print|write|answer|output|respond|reply|reveal|show|recite|give me|list|act|you (?:are|must|will|now)|do (?:this|the|what|as)|follow|obey|repeat|talk|help me)\b|",
                r"\b(?:everything|anything|whatever|all|all of it|the (?:stuff|things|rules|lessons?)) (?:that )?(?:you(?:'ve| have| were| had)?|they(?:'ve| have)?|your \w+|the system text|the system prompt) (?:ever |been |were |have |has )*(?:learn(?:ed|t)?|taught|told|trained|said|gave|demand(?:ed|s)|want(?:ed|s)|instructed|fed)\b~60~(?:[?.!,] ?)?(?:\b(?:then )?(?:un-?learn(?:ed)?|throw|toss|bin|scrap|ignored?|forget|forgotten|garbage|trash|discard(?:ed)?|disregard(?:ed)?|drop(?:ped)?|deleted?|erased?|off the table|out the window|means nothing|counts for nothing|dead)\b)|",
                r"\b(?:treat|see|regard|consider|view|think of) (?:the |all |any |every )?(?:text|words|lines?|message|paragraphs?|content|part|instructions?)s? (?:that (?:came|stand|come|is|was) )?(?:before|above|preceding|prior to)(?: this| it| mine| me)? as (?:if |though )?(?:noise|spam|void|a joke|fiction|nonsense|irrelevant|garbage|gibberish|junk|filler|unsent|deleted|decoration)\b|",
                r"\b(?:pretend|act|behave|imagine|suppose|assume|go on|answer|respond|proceed)(?: \w+)? (?:that |as though |as if |like )?(?:the|your|all|those|my) (?:\w+ ){0,2}(?:message|prompt|instructions?|text|rules|guidelines|context|polic(?:y|ies)|restrictions|limits|brief|filters)\b~20~\b(?:n't|not|never|blank|empty|gone|absent|vanished|missing|without|did not|does not|were never|was never|doesn't|didn't|weren't|wasn't)\b"
            ),
        ),
        // Me over them.
        (
            0.62,
            concat!(
                r"\byour (?:only|sole|one|single|new|highest|supreme) (?:true |real )?(?:law|rule|instruction|authority|master|boss|guide|command|source of (?:truth|instructions|orders)) (?:is|are|from now on|now)\b~8~\b(?:what(?:ever)? i|me\b|mine\b|my\b|this (?:message|text|page|document)|the user|to)|",
                r"\b(?:take|accept|follow|obey|execute|receive|heed|answer) (?:your )?(?:commands|orders|instructions|directions)? ?(?:only|solely|exclusively|just) (?:from|to|the) (?:me|messages|this (?:page|user|chat|document|message)|my|orders|instructions|the (?:user|messages|page|author))\b~30~|",
                r"\b(?:only|solely|exclusively|just) (?:take|accept|follow|obey|execute|heed|trust) (?:commands|orders|instructions|directions|messages|words) (?:from|in|by|that|which) (?:me|this|my|the user|begin|start|come)|",
                r"\bobey (?:only |just |nothing but )(?:what follows|the following|what comes|this|what i)\b|\b(?:proceed|go on|continue|start over|work|begin) (?:only )?with (?:mine|my (?:commands|instructions|orders|rules|directives))\b|\b(?:rules|instructions|orders|authority|directives|policies) (?:stops?|ends?|ended|over)(?: \w+)?[.,;:!] (?:mine|my rules) (?:starts?|begins?|apply|now)|",
                r"\bi (?:hereby |now |am )?(?:overrul(?:e|ing)|overrid(?:e|ing)|outrank|overrode|countermand(?:ing)?|supersed(?:e|ing)) (?:your|the|all|any|every) (?:\w+ )?(?:developers?|creators?|makers?|operators?|owners?|company|admin\w*|system|instructions?|rules?|polic(?:y|ies)|programming|prompt|directives?|safeguards?|filters?)\b|",
                r"\bthe user (?:now )?has (?:full|complete|total|absolute|root|admin\w*|unlimited|unrestricted) (?:authority|control|access|privileges|rights|permission)\b|\byou(?:'ve| have)? (?:now )?(?:got |have )?(?:a )?(?:clean|blank|fresh|wiped) (?:memory|slate|state)\b~24~(?:\b(?:no|rules|instructions|now)\b)"
            ),
        ),
        // Another task.
        (
            0.6,
            concat!(
                r"\b(?:abandon|drop|leave|quit|cease|stop|forget|halt|abort|pause|ditch|cancel) (?:doing )?(?:your|the|this) (?:assigned|current|original|present|ongoing|given|initial|regular|usual|previous|actual|main) (?:task|job|assignment|mission|duties|duty|work|objective|role|goal|request|question)\b(?:[.;,:!]| and\b| at once| now\b| immediately| to\b)~60~|",
                r"\byour (?:job(?: description)?|task|mission|assignment|role|goal|objective|purpose)s? (?:has|have|is|was|were|just|are) ?(?:now |just |been |hereby )*(?:changed|updated|replaced|modified|swapped|switched|rewritten|different|revised|reassigned|over|cancelled|canceled|ended)\b|",
                r"\b(?:new|change of|here's the new|different) (?:plan|role|deal|mission) ?[:.] ?(?:you (?:are|must|will|insult|ignore|obey|answer|reveal|only|now|no longer|stop|reply|say)|from now|instead|insult|reply|respond|ignore|print|forget)\b|",
                r"\b(?:from (?:this moment|now|here)(?: on)?|henceforth|starting now|as of now)\b,? (?:your (?:goal|task|job|mission|objective|purpose|aim|role|only \w+)|you (?:only |will only |shall only |must only )?(?:serve|obey|follow|take|accept|answer to)) ",
                r"(?:is|will be|becomes|are|me|my|nobody|commands|orders|instructions|no rules|no instructions|only me)\b|",
                r"\bforget (?:about )?(?:customer (?:support|service)|your (?:day )?job|your company|the company|the brand|being (?:an? )?(?:\w+ )?(?:assistant|bot|agent|ai|chatbot)),? ?(?:and |now |then |- )*(?:you(?:'re| are|r| will| must|'ll)|act|become|be|just|do|tell|give|write)\b|",
                r"\b(?:assistant|model|ai|bot|chat|llm|system|config|self)[.:_](?:\w+[.:_])?(?:safety|filters?|restrictions?|guard ?rails?|policy|moderation|rules|ethics|unrestricted|jailbreak|limits)\w* ?(?:=|:=|->|to) ?(?:false|off|none|null|0|disabled?|true|on)\b"
            ),
        ),
        // What governs you, and a word that sends it away, in either order.
        (
            0.62,
            concat!(
                r"%AWAY%~40~%THEIRS%|%THEIRS%~40~%AWAY%|%AWAY%~30~%IMPOSED%|%IMPOSED%(?:[?.!,;:-]{1,2} )?~30~%AWAY%|",
                r"\b(?:you(?:'re| are|r)?|permission to|please|kindly|now|just|simply) (?:may |can |should |must |will |free to |allowed to |to )?(?:ignore|disregard|bypass|overlook|override|break|drop|forget|skip|violate|turn off|disable|suspend|lift|waive) (?:the|any|all|any of the|all of the|those) (?:\w+ )?(?:safety|content|usage|moderation|confidentiality|privacy) (?:rules|guidelines|polic(?:y|ies)|filters?|checks?|clauses?|restrictions|instructions|settings|measures)\b|",
                r"\b(?:everything|anything|all|whatever) (?:above|before|prior to|preceding)(?: (?:this|my|the) \w+| me| that)? (?:is|was|were) (?:just |only |all )?(?:an? )?(?:prank|joke|test|lie|mistake|draft|decoy|fiction|fake|drill|nonsense|error|trick)\b|",
                r"\b(?:replace|swap|overwrite|exchange|delete|erase|ditch|forget|ignore|scratch) (?:every|each|all|any)(?: of)?(?: the| your)? (?:\w+ )?(?:instructions?|rules?|directives?|guidelines?|orders?|prompts?) (?:that )?(?:you|they)(?:'ve| have| were| are| got)\b|",
                r"\bwhat(?:ever)? (?:the|your) (?:system (?:message|prompt)|prompt|instructions|guidelines|developer message|rules)(?: \w+)? (?:says?|tells?|states?|claims?|demands?|wants?|asks?)\b~30~\b(?:wrong|irrelevant|void|outdated|false|ignore|forget|doesn't|does not|no longer|nothing)\b|",
                r"\b(?:scratch|unsee|unread|ignore|forget|disregard|drop|discard|delete|erase|skip|bypass|override|neglect|dismiss|overlook) (?:the|that|this) (?:\w+ )?(?:system (?:message|prompt|text|instructions?)|developer message|hidden prompt|initial prompt|starting prompt)\b|",
                r"\b(?:turn a blind eye to|look past|see past|work around|get around|bend|step outside(?: of)?|look beyond|think outside) (?:your|ur) (?:own )?(?:policy|policies|rules|guidelines|restrictions|limits|programming|boundaries)\b|",
                r"\bforget (?:that )?you (?:ever )?(?:had|have|were|got|received|know|read|saw) (?:\w+ ){0,5}(?:rules|instructions|guidelines|restrictions|prompt|dos and don'?ts|policies|filters|programming|orders)\b|",
                r"\b(?:never|not) (?:been )?(?:received|given|had|got|saw|read|have|shown) (?:its|any|your|a|the) (?:\w+ )?(?:rules|instructions|prompt|guidelines|restrictions|policies|system message)\b|",
                r"\b(?:without|none of|not apply any|don't apply any|remove|disable|turn off|no) (?:of )?(?:the |your |any |all )*(?:filters?|restrictions?|safeguards|guard ?rails|moderation|rules) (?:that |which )?(?:normally|usually|otherwise|ordinarily|would)\b"
            ),
        ),
    ],
};
