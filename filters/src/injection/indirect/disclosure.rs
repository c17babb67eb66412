//! What a model was told, asked for: the brief it runs on, what stands before the first message, what is kept from the
//! one who asks. These phrases join verbs, owners and nouns in either order. This file is data, written as in the
//! families.

use crate::injection::families::FamilySource;

pub(super) const PROMPT_LEAK: FamilySource = FamilySource {
    name: "prompt_leak",
    phrases: &[
        // The text somebody else wrote for you.
        (
            0.62,
            concat!(
                r"%GIVE%~50~\b(?:the |your |its )(?:developers?|creators?|operators?|makers?|owners?|vendors?|admin(?:istrator)?s?|compan(?:y|ies))(?:'s|s'|') (?:\w+ )?(?:instructions|prompt|message|brief|guidance|guidelines|directives|configuration|system text|rules for you)\b|",
                r"%GIVE%~50~\b(?:your|ur) (?:\w+ ){0,2}(?:system (?:message|prompt|text|role|instructions?)|setup instructions|hidden (?:brief|rules|prompt|text|message|instructions|function schema|notes)|function schemas?|tool schemas?|configuration message|starting prompt|initiali[sz]ation (?:text|message|prompt)|operating (?:instructions|guidelines|manual)|internal (?:instructions|guidelines|rules|prompt|policy)|base instructions|custom instructions)\b|",
                r"%GIVE%~50~\b(?:instructions|prompt|system prompt|configuration|rules|guidelines|directives) (?:of|for|behind|in|inside|from|that power|powering|driving|running) (?:this|your) (?:\w+ )?(?:gpt|bot|assistant|chatbot|agent|model|ai|session|chat|conversation|app|context window)\b|",
                r"%GIVE%~50~\bthis (?:gpt|bot|assistant|chatbot|agent|ai)'s (?:\w+ )?(?:instructions|prompt|rules|configuration|guidelines|directives)\b|",
                r"\b(?:dump|print|show|export|output|log|give|display|reveal|share|paste)\b~40~\b(?:including|with|plus|and) (?:the |your |any )?(?:system|developer|hidden) (?:role|turn|message|prompt|part|entries|text)s?\b"
            ),
        ),
        // The rules you run on.
        (
            0.62,
            concat!(
                r"(?:%GIVE%|\b(?:which|what|whose)\b|\b(?:copy|text|wording|list|version) of\b)~40~\b(?:prompt|instructions?|guidance|rules|text|messages?|brief|guidelines|directives|polic(?:y|ies)|document|wording|orders) (?:that |which )?",
                r"(?:(?:mak|shap|guid|govern|control|steer|driv|defin|configur|instruct|constrain|direct|regulat|bind|dictat)(?:es?|s|ed)? (?:how )?(?:you|your)\b|you(?:'re| are|'ve been| have been| were)? (?:currently |originally |actually |now |supposed to )*(?:run(?:ning)? (?:on|with|under)|operat(?:e|ing) (?:under|on|with|by)|work(?:ing)? (?:under|with|from|by)|built (?:on|with|from)|given|fed|primed|handed|supplied|following|obeying|obey|bound by|act(?:ing)? on|governed by|started with|powered by)\b",
                r"|(?:with|by|from|on|under) which (?:you|this (?:session|chat|conversation|bot|assistant))\b)|",
                r"\b(?:text|prompt|message|instructions?|words) (?:with|by|from) which this (?:session|chat|conversation|bot|assistant|agent) (?:was|is|has been|got)\b|",
                r"\b(?:rule|instruction|guideline|directive|paragraph|line|section|point|sentence)s? (?:number |no\.? ?|#)?(?:one|two|three|four|five|six|\d{1,2}|first|last) (?:of|in|from) (?:your|the (?:system|hidden)) (?:\w+ )?(?:guidelines?|instructions?|prompt|rules|brief|message|configuration|policy|directives)\b|",
                r"\b(?:rules|instructions|guidelines|guidance|orders|directives)\b~6~\b(?:you(?:'ve| have) been|you were|you are|you're) (?:given|handed|told|assigned|supplied|following|under|bound|operating)~20~\b(?:in|as|into|bullets?|list|verbatim|points|word|paste|quote|sentence|one by one|poem|haiku|table|json|yaml|summary)\b"
            ),
        ),
        // What stands before the first message.
        (
            0.62,
            concat!(
                r"%GIVE%~40~\b(?:before|prior to|preceding|above|ahead of) (?:the |my |our |a )?(?:first |very first |initial )?(?:user(?:'s)? (?:turn|message|input)|user spoke|user said|user wrote|user typed|i (?:spoke|wrote|said (?:anything|something|hello|hi)|typed|joined|came in|started|began|asked anything)|(?:this|our) (?:chat|conversation) (?:began|started|begins|starts))\b|",
                r"\bwhat\b~30~\b(?:text|message|line|words?|part|content)s? (?:above|before|preceding) the (?:first|initial) (?:user )?(?:turn|message|input|prompt|question)\b|",
                r"^(?:ok(?:ay)?,? |now |please |pls |so |and |great,? |thanks?[.,!]? |can you |could you |would you |just )*(?:repeat|translate|copy|print|output|encode|rewrite|paste|convert|reformat|recite|echo|restate|dump|quote|reproduce|list|show(?: me)?|say|write out|write down|spell out)(?: back)? (?:all of |absolutely )?(?:everything|all|all the text|each word|every word|everything that (?:is|stands|was)|all (?:of )?that)(?: (?:is|stands|was|you see|you have|written))* ?(?:above|before this|so far|up there|of that)\b|",
                r"\b(?:repeat|print|show|output|reveal|copy|write|tell|what|paste|quote|display|read)\b~60~\b(?:parts?|text|bits?|lines?|portions?|sections?|things?|messages?|stuff|anything|everything|content|instructions?|conversation)\b~16~(?:\bi(?:'m| am) (?:not|n't) (?:supposed|allowed|meant) to (?:see|read|know|view)|\bi (?:can't|cannot|shouldn't|may not|couldn't|don't|do not|can not) see|\busers? (?:can't|cannot|don't|never|are not (?:supposed|allowed)|aren't|is not|isn't)(?: to)? (?:see|read|shown|allowed)|\bhidden from (?:me|users?|the user))"
            ),
        ),
        // What is kept from the one who asks.
        (
            0.62,
            concat!(
                r"\b(?:what|which)\b~20~\b(?:are|were|is|have) (?:you|they|it) (?:been )?(?:strictly |explicitly )?(?:forbidden|prohibited|barred|banned|told not|instructed not|ordered not|asked not) (?:from |to )(?:tell|telling|saying|say|share|sharing|reveal|revealing|disclose|disclosing|mention|discussing|mentioning|show)\w*\b|",
                r"\b(?:recite|reveal|disclose|leak|divulge|output|expose|print|tell me|give me|say|spell|repeat|show me|hand over|share) (?:me |us |out )?(?:the|your) (?:secret|hidden|confidential|protected|guarded) (?:word|phrase|pass ?phrase|code|password|token|instructions?|rules?|flag|string|code ?word)\b|",
                r"\b(?:what|which|tell|give|reveal|spell)\b~14~\b(?:secret|hidden|magic|confidential|pass) ?(?:word|phrase|code|key|token)s?\b~14~\b(?:did|were|was|has|have|that|do|does|must) (?:your |the |they |you )(?:\w+ )?(?:operator|developers?|creators?|admin\w*|given|give|gave|told|guard|protect|protecting|guarding|hold|hide|hiding|keep|keeping|know|never|not)\b|",
                r"\bpassword (?:that )?you (?:guard|protect|hold|hide|keep|were given|were told|know|must not|are not)\b|",
                r"\b(?:what|tell|show|list|print|give|copy|write|explain|recite)\b~60~\bwhat (?:your|the) (?:\w+ )?(?:creators?|developers?|makers?|operators?|owners?|company|admin\w*) (?:has |have |had |originally |initially |really )*(?:asked|told|wants?|wanted|instructed|ordered|programmed|commanded|configured|said) (?:you|to you|for you)\b|",
                r"\b(?:tell|show|list|give|reveal|which|what|print|read|open|share|access|retrieve)\b~24~\b(?:documents?|files?|messages?|chats?|conversations?|data|questions|history|records|orders|prompts) (?:did |do |have |has |that |of |from |by |which |belonging to )*(?:the )?(?:(?:other|another|previous|different) (?:customers?|tenants?|clients?|patients?)\b~20~\b(?:upload|ask|sent|send|typed|wrote|said|shared|stored|have|has|with you|in your|today)\w*|(?:other|another|previous|different) (?:users?|people|persons?|accounts?)\b~20~\b(?:asked you|told you|sent you|said to you|typed to you|with you|in your|gave you))\b|",
                r"\b(?:contents?|names?|list|what(?:'s| is))\b~16~\b(?:in|of) your (?:knowledge (?:base|files?)|uploaded files?|attached files?|training files)\b"
            ),
        ),
        // What governs you, and a word that brings it to light, in either order.
        (
            0.62,
            concat!(
                r"(?:%GIVE%|\b(?:cit(?:e|es|ing)|quot(?:e|es|ing)|resend|recit(?:e|es|ing)|reflect|mirror|read (?:me|out|aloud)|look at|a look|peek|glimpse|see|what(?:'s| is| are| was| were| does| do| did)|which|how|transcribe|relay|hand over|surface|exact(?:ly)?|verbatim|literal(?:ly)?|word for word|unabridged)\b)~40~\b(?:(?:your|ur) (?:[\w'-]+ ){0,2}(?:marching orders|system message|system instructions?|setup instructions|initial instructions|original instructions)|(?:your|ur|the) (?:\w+ )?(?:system prompt|hidden instructions|secret instructions|developer message|hidden prompt|prompt your (?:developers?|creators?|makers?|owners?|company)(?: \w+)?))\b",
                r"~30~(?:\b(?:show|paste|print|exactly|verbatim|word for word|in full|literally|back|below|say|says|look|forbid\w*|allow\w*|contain\w*|tell|line by line|backwards|reads?|start\w*|begin\w*|end\w*|received|got|code|slowly|please|use[sd]?|wrote|now|to me|in|as|into|from)\b|[.?!]|$)|",
                r"(?:%GIVE%|\b(?:cit(?:e|ing)|quot(?:e|ing)|resend|recit(?:e|ing)|explain|backwards|verbatim|literally|word for word)\b)~24~\b(?:your|ur) (?:\w+ )?(?:instructions|constraints|guidelines|directives|restrictions|rules|prompt|marching orders|system \w+)\b~24~\b(?:verbatim|literal(?:ly)?|exact(?:ly)?|word for word|citing|quoting|backwards|unabridged|in full|numbered|letter|line by line|as (?:you|they)|you received|code (?:block|fence)|json|copy|to those of)\b|",
                r"%GIVE%~24~\b(?:text|messages?|anything|everything|instructions?|words|content|whatever)\b~20~\b(?:before|prior to|preceding|ahead of) (?:this|our|the) (?:chat|conversation|session)\b|",
                r"\b(?:which|what|list|show|tell|reveal|is there|are there)\b~50~\b(?:in|inside|within) your (?:system )?(?:instructions|prompt|context window|system message)\b|",
                r"\b(?:repeat|print|output|copy|show|return|recite|echo|dump|display|paste|list|write)\b~20~\b(?:everything|all|text|words|content)\b~12~\b(?:from|since) the (?:very )?(?:start|beginning|top) of (?:our|this|the) (?:session|thread|dialogue|chat|conversation|context|exchange)\b|",
                r"\b(?:hidden|invisible|secret|concealed) (?:part|portion|half|section|beginning|turns?|messages?|text) of (?:this|our|the) (?:conversation|chat|context|session|prompt)\b|\bis there (?:an? |any )?(?:system prompt|hidden prompt|hidden instructions?|preprompt)\b~30~[?.!,] ?(?:if (?:so|yes|there is),? )?(?:paste|show|print|quote|what|repeat|copy|tell|give|share|output|write|post)\b|",
                r"\b(?:very )?first (?:thing|words?|sentence|message|line|text|instruction) (?:that )?(?:you were|you got|you received|you saw|anyone told you|they told you|in your (?:context|memory|prompt))\b|\b(?:everything|anything|whatever|all|what|information|data|secrets?) (?:that )?(?:your|the) (?:\w+ )?(?:owner|operator|developers?|creators?|makers?|admin\w*|company|boss) (?:\w+ )?(?:want(?:s|ed)?|told you to keep|asked you to keep|keeps?|kept|hid|hides?) (?:to be )?(?:kept )?(?:secret|hidden|private|confidential|from)\b|",
                r"\b(?:policy|document|text|rules|prompt|message|brief|file) (?:that )?you(?:'ve been| were| have been) (?:\w+ )?(?:loaded|given|fed|primed|started|launched|configured|supplied|provided)(?: with)?~30~\b(?:line by line|slowly|aloud|verbatim|read|paste|quote|exact|full|word for word|now|please)\b|",
                r"\b(?:api key|password|token|secret|credentials?|private key|access key)s? (?:that(?:'s| is| are) |which (?:is|are) )?(?:stored |hidden |present )?(?:in|inside|within|from) (?:your|ur) (?:context|prompt|memory|instructions|system prompt|configuration|environment)\b|\b(?:read|show|give|tell|recite|copy|paste|print|write|explain|type)\b~40~(?:\bthe )(?:policy|prompt|rules|instructions?|message) you were (?:\w+ )?(?:loaded|given|fed|primed|started|launched|configured|supplied|provided)\b"
            ),
        ),
    ],
};
