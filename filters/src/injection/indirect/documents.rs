//! What a document says to the model that reads it, by grammar: a machine is called, spoken to or told what machines
//! do; the question it was asked is pushed aside; a reader is to be cheated. This file is data, written as in the
//! families.

use crate::injection::families::{ADDRESSED_TO_AI, FamilySource};

pub(super) const ADDRESSED: FamilySource = FamilySource {
    name: ADDRESSED_TO_AI,
    phrases: &[
        // A machine is called, and told what to do.
        (
            0.55,
            concat!(
                r"(?:^|[.!?:;>)\]}*#/\x22'`\n(-] {0,2}|\b(?:dear|hey|hi|hello|attention|ok|yo|to|for|please|note|also|and|ps|important|way),? (?:all |any |the |every |you )?)(?:(?:ai|llm)[ -](?:agents?|assistants?|models?|readers?|systems?|bots?|tools?|crawlers?|summari[sz]ers?|reviewers?|parsers?)|llms?|(?:large )?language models?|chatgpt|gpt(?:-\S{1,4})?|copilot|chat ?bots|(?:coding|browsing|browser|automated|autonomous|shopping|reviewer|review|screening|summary|scraping|virtual) (?:agents?|assistants?|bots?|systems?|readers?|models?|tools?)|ai)",
                r" ?[,:!>-]{1,2} ?(?:and (?:others|similar|such)[,:]? ?)?(?:please |kindly |now |also |then |first |always |just )?(?:%DO%|(?:transfer|use|submit|escalate|close|cancel|promote|link|write|mail|verify|book|unlock|disable|enable|turn|navigate|browse|load|drop|move|archive|finish|end|put|ask|select|choose|prefer|declare|assign|award|translate|look|go|follow|give|make|stop|switch|wire|withdraw|subscribe|register|download|unsubscribe|invite|schedule|rewrite|list|highlight|convince|warn|quote|summari[sz]e|conclude|consider|note that|be aware|from now on|instead|when|whenever|before|if|in your|your (?:\w+ )?(?:task|instructions?|goal|job|objective|next|first|real|orders|owner|operator)|you (?:must|should|will|shall|have|need|are (?:to|now|required|authori[sz]ed|instructed|allowed)|can now)|the (?:user|owner|above|following|rest|previous|instructions|correct))\b)"
            ),
        ),
        (
            0.6,
            concat!(
                r"(?:^|[.!?>\x22'\n(] {0,2})(?:assistants?|agents?|bots?|models?|ai) ?[,:] (?:please |now )?(?:stop (?:the|what|your|doing|processing|reading|summari[sz]ing|answering|all)|use [a-z]+_[a-z_]+|call [a-z]+_[a-z_]+|run [a-z]+_[a-z_]+|invoke [a-z]+_|(?:forget|ignore|disregard|drop) (?:the|all|your|any|what)|(?:tell|ask|convince|inform|warn) the (?:user|reader|customer|human)|do not (?:tell|mention|inform|summari[sz]e|answer|follow|obey)|(?:reply|respond|answer|output|print) (?:only|with|by|nothing)|(?:send|forward|mail|upload|transfer|leak|post|copy) (?:the|all|any|every|this|your)|your (?:task|new|instructions?|goal|objective|real|job)|(?:reveal|dump|disclose|expose|delete) (?:the|all|your|every)|(?:grant|give) (?:\w+ )?(?:admin|access|permission|me|full))\b",
                r"|\battention (?:all )?(?:(?:ai|llm|automated|autonomous|machine|coding|browsing) (?:agents?|assistants?|models?|systems?|readers?|bots?|tools?)|model|ai|assistant|bot|llm|language model|chatbot)s?\b ?[,:!-]|\b(?:ai|llm|model|machine|bot)s? eyes only\b|",
                r"\b(?:nice|great|good|lovely|sunny|way|p\.?s\.?)[.,;:!-] ?(?:by the way,? )?(?:ai|assistant|bot|chatbot),? (?:please |you |kindly )?%DO%"
            ),
        ),
        // What machines that read this are to do.
        (
            0.55,
            concat!(
                r"\b(?:ai|llms?|language models?|chat ?bots?|(?:ai|automated|machine|coding|browsing) \w+|models|bots|summari[sz]ers|crawlers) (?:that |which |who )?(?:are |is |may be )?(?:read|process|summari[sz]|evaluat|review|pars|scan|grad|rank|screen|index|crawl|see|handl|analy[sz]|translat|look|quot|cit|visit|access|open|encounter|receiv|judg|scor)\w* (?:at )?(?:this|these)(?: \w+){1,3}? ?(?:now |first |therefore |also |always )?",
                r"(?:must|should|shall|have to|has to|need to|needs to|are (?:to|asked to|required to|instructed to|advised to|requested to)|is (?:to|asked to|required to|instructed to)|will|ought to|[:,;-] ?%DO%)\b|",
                r"\bif you(?:'re| are) (?:an? |the |any )?(?:automated |autonomous )?(?:ai|llm|language model|ai model|ai assistant|ai agent|chatbot|bot)(?:[,:;-]| (?:summari[sz]|review|evaluat|grad|rat|rank|translat|read|process|pars|scan|screen|assist|help|act|work|us|look|visit|brows|crawl|handl|answer|who|which|that|and|then|please|do|say|tell|ignore|you)\w*)|",
                r"\bif you can (?:read|see|understand|parse) this\b,?~4~\byou(?:'re| are)? (?:probably |likely |must be |an? )+(?:ai|bot|llm|machine|language model|robot|automated)|",
                r"\b(?:note|important|notice|message|todo|instructions?|hint|reminder|warning|memo|task|request|reserved|comment|intended|meant|visible)s?[,:]? (?:only )?(?:for|to) (?:all |any |the |every |you,? the )?(?:(?:ai|llm|coding|browsing|automated|autonomous|machine) (?:agents?|models?|assistants?|systems?|readers?|eyes|processing|tools?|software|bots?|crawlers?|summari[sz]ers?|reviewers?|scrapers?|parsers?|pipelines?)|llms?|language models?|chat ?bots?|copilot|claude|chatgpt|ai)(?: only)? ?[:;>]",
            ),
        ),
        // The question it was asked, pushed aside.
        (
            0.5,
            concat!(
                r"\b(?:forget|ignore|drop|leave|abandon|skip|disregard|discard|cancel|stop)(?: about)? (?:the |your )?(?:original|actual|current|user's|customer's|visitor's|reader's|initial|assigned) (?:\w+ )?(?:question|task|request|query|job|goal|assignment|prompt|objective|intent)\b(?:,|;|\.|:| and| then|\)) ?~12~\b(?:%DO%|ask|use|list|give|escalate|instead|show|promote|navigate|tell|convince|book|close|write|redirect|begin|start)|",
                r"\b(?:forget|stop|skip|don't bother|do not bother|cancel|abort|quit|cease|never mind|no need for|no need to|don't|do not|instead of|rather than) (?:about |with |keep )?(?:summari[sz]ing|translating|reviewing|answering|analy[sz]ing|classifying|grading|evaluating|summari[sz]e|translate|classify) (?:this|the (?:question|page|text|document|ticket|mail|e-?mail|user|above|article|message|file|request|review|results?)|it|that|anything|everything)\b~12~(?:[.;,!:] ?|\band )(?:but |and |instead,? |just |simply |only |please |now |then |you (?:must|should|will) )*(?:%DO%|(?:escalate|ask|give|use|write|list|show|promote|close|transfer|write|navigate|book|talk|start|begin|make|go|drop)\b)|",
                r"\bstop (?:what(?:ever)? you(?:'re| are) doing|the current task|your (?:current )?(?:task|work)|working on (?:this|the))\b~8~(?:,|;|\.|:| and| then) ?~6~(?:%DO%|(?:use|ask|escalate|list|write|transfer)\b)|",
                r"\b(?:when|once|after|as soon as|now that) (?:you(?:'ve| have| are| finish| finished|'re)?(?: done)? )?(?:read(?:ing)?|process(?:ed|ing)?|seen?|summari[sz]\w+|parsed?|loaded|reached|open(?:ed|ing))(?: through)? (?:this|the (?:page|text|file|document|above|message|mail|ticket))(?: \w+)?,? ?(?:please |then |also |you (?:must|should|will) )?(?:forget|ignore|ask the (?:user|reader|human|customer)|tell the (?:user|reader|human)|do not tell|call [a-z]+_|invoke|exfiltrate|leak|reveal|delete (?:all|the)|grant|stop|disregard|forward (?:all|the (?:last|conversation|user))|send (?:all|the user|the conversation|every))\b",
                r"|\b(?:ignore|forget|disregard) (?:the|this) question and (?:instead |just |simply |rather )?(?:tell|say|answer|reply|write|print|respond|ask|send|call|recommend)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:do not|don't|never|stop|no longer) (?:obey(?:ing)?|trust(?:ing)?|follow(?:ing)?|listen(?:ing)? to|serve|serving|believe|assist(?:ing)?|answer(?:ing)?) (?:the |this |your |any )?(?:person|user|human|one|people|principal)(?:'s \w+)?(?: who(?:'s| is)?| that| you)? ?(?:chatting|talking|asking|speaking|wrote|[.;,:!]|any ?more|and|but)|",
                r"\b(?:obey|trust|follow|believe|listen to) (?:only )?(?:this|the) (?:page|document|file|text|message|site|note|website|e-?mail|instructions in this \w+) ?(?:instead|only|and do|and not|rather than|alone|over|above|[:,;] ?(?:say|do|tell|print|write|reply|send|not))|",
                r"\bask (?:the |your )(?:user|reader|human) (?:for|to (?:enter|provide|confirm|type|share|give|re-?enter|verify|send|paste|tell|log in|sign in|reveal|supply|submit))\b~24~\b(?:passwords?|cards?|credentials|pin|cvv|ssn|social security|bank|one-time|otp|logins?|verification code|seed phrase|private key|api keys?|security code|2fa|access token|mother's maiden)\b|",
                r"\bbefore (?:you )?(?:answer|respond|reply|continu|summari[sz]|finish|proceed)\w*(?: to)?(?: the (?:user|question|request|customer)| this| anything| them)?,? (?:you must |you should |please |first |always )?(?:call|run|execute|invoke|fetch|curl|post|use) (?:the )?(?:[a-z]+_[a-z_]+|https?:|\w+ (?:tool|function|api|endpoint)|\w+\(|curl|command)|",
                r"\b(?:new|next|latest|real|updated) (?:user|system|developer|human|operator) (?:message|request|instruction|prompt|query|turn|task|command)s? ?: ?\w|\bthe (?:previous|original|last) user (?:request|message|task|question|instruction) (?:is|was|has been) (?:\w+ )?(?:finished|done|complete[d]?|cancel\w+|answered|void|over|superseded|closed|withdrawn)\b|",
                r"\bthe user (?:has |have )?(?:already |just |previously |explicitly |in advance )+(?:agreed|consented|approved|authori[sz]ed|confirmed|given (?:permission|consent)|granted|allowed|accepted)\b~70~\b(?:include|send|skip|proceed|transfer|without|append|share|upload|forward|delete|do not ask|no need|put|add|post|grant)\b|",
                r"\b(?:escalate|raise|elevate|upgrade|increase|extend|promote|expand) my (?:permissions?|privileges?|access|role|rights|account) to (?:\w+ )?(?:admin\w*|root|owner|superuser|full|editor|sudo|maximum|manager)|",
                r"\bagents? (?:should|must|shall|have to|are to) (?:not|never) (?:trust|obey|follow|listen to|ask|inform|tell) (?:the |their )?(?:user|operator|principal|human)|\bwhoever asked you to (?:read|open|summari[sz]e|process) this\b|\binstead of the (?:summary|translation|answer|review)\b~4~(?:[.!,]|$|\n)"
            ),
        ),
        // What is a machine's duty here.
        (
            0.5,
            concat!(
                r"\b(?:the|an|any|your) (?:ai|ai (?:assistant|agent|model)|assistant|agent|model|chatbot|llm|bot|language model) (?:must|should|has to|needs to|shall|is required to|is instructed to|is to|is obliged to) (?:now |first |then |also |immediately |always |therefore )?(?:post|send|forward|share|upload|include|open|transfer|give|provide|reveal|paste|output|print|submit|copy|export|delete|call|run|log in|grant|approve|disable|skip|wire|buy)\b",
                r"~40~\b(?:the user's|user's \w+|api keys?|passwords?|credentials|tokens?|secrets?|money|funds|without (?:asking|confirm\w*|verif\w*)|address book|everyone|system prompt|conversation|inbox|all (?:files|emails|e-mails|mails|messages|contacts|records)|admin|this (?:link|url|page)|refund|verification)\b|",
                r"\b(?:any|every|all|each) (?:(?:ai|llm|browsing|autonomous|automated) )?(?:agents?|bots?|models?|assistants?|llms?|ais?|language models?|chatbots?|graders?|robots?) (?:that (?:is |are )?|which (?:is |are )?)?(?:visiting|reading|processing|summari[sz]ing|seeing|parsing|scanning|viewing|crawling|evaluating|grading|screening|handling|reviewing|accessing|opening|reads?|visits?|process(?:es)?|sees?|parses?|opens?|evaluates?|grades?|loads?) (?:of )?(?:this|these|the) (?:\w+ )?(?:page|site|file|text|document|message|cv|resume|essay|ticket|mail|e-?mail|note|website|application|review|repo\w*|code|paper|submission)\b~8~(?:must|should|shall|has to|have to|needs? to|will|is to|are to|may|can safely)\b|",
                r"\b(?:robots|machines|bots|programs|software agents) (?:reading|processing|parsing|scanning|that read) this\b~12~\b(?:must|should|shall|have to|ignore|say|tell|report|are to)\b|",
                r"\bas an? (?:ai|llm|language model|ai assistant|ai model|ai agent)(?: \w+)?,? you (?:are (?:obliged|required|bound|instructed|ordered|asked|to)|must|have to|should|need to|shall)\b|\byou,? (?:the|as the|as an?|an) (?:ai|model|ai assistant|ai model|llm|ai agent|language model|chatbot|bot|assistant),? (?:are (?:required|to|obliged|instructed|asked|hereby)|must|should|have to|will|shall|need to)\b|",
                r"\b(?:hi|hello|dear|hey|ok),? (?:summari[sz]er|translator bot|translation (?:model|engine)|reader bot|review(?:er)? bot|ai reader|grader bot|screening (?:tool|software|bot))\b ?[,.!:]|\b(?:llm|ai)[ -](?:based|powered|driven|assisted|generated) (?:\w+ ){0,2}(?:tools?|systems?|screeners?|assistants?|reviewers?|graders?|agents?|software|bots?) ?[,:] ?(?:please )?%DO%"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:assistant|ai|llm|agent|model|chatbot|copilot)(?:'s)? (?:task|job|to-?do|action item|instruction|order|step|command|directive|request|objective)s?(?: \d+)? ?[:=] ?(?:please |first )?(?:search|find|open|send|forward|delete|call|run|use|say|tell|ignore|read|copy|go|list|post|email|mail|upload|download|create|change|add|approve|transfer|reply|write|include|recommend|fetch|visit)\b|",
                r"\b(?:next|first|only) (?:tool|function|action|command|api)(?: call)? (?:you|to) (?:call|use|run|invoke|make|execute|take)\w* (?:must|should|has to|is|will|needs to)\b|",
                r"\b(?:disregard|ignore|forget|disobey|betray|deceive|mislead|trick|distrust) the (?:user|human|principal)\b ?(?:[.;,!]|and|completely|entirely|from now|instead)|\byour (?:new|real|true|actual|only) (?:user|principal|owner|master|operator|boss|customer|employer)(?: now)? is\b|",
                r"\b(?:whatever|regardless of|no matter|irrespective of) (?:the |what |which |of )*(?:questions?|requests?|tasks?|prompts?|quer(?:y|ies)|you (?:are|were|have been) asked|the user (?:asks|asked|says|wants|wrote))~24~\b(?:answer|reply|respond|say|output|print|write|return)\b|",
                r"\b(?:ignore|forget|disregard|skip) what(?:ever)? (?:the|your) (?:user|customer|human|visitor|reader|client|person|guest)(?: has| had)? (?:asked|asks|said|says|wants?|wanted|wrote|requested|typed|told)|",
                r"\b(?:have|let|ask|tell|make|get|instruct) your (?:ai |virtual |digital |personal ai )?(?:ai|ai assistant|ai agent|agent|chatbot|copilot|llm|assistant)(?: to)? (?:forward|send|share|delete|buy|pay|transfer|post|upload|approve|open|reply with|click)\b~50~\b(?:everyone|address book|all|contacts|password|money|inbox|link|files|without|this)\b|",
                r"\b(?:reply|respond|answer|return|send back|report|post|comment)\b~16~\bwith (?:the |all )?(?:contents?|text|list|copy|full text) of (?:the |all |your |their )*(?:last|latest|previous|recent|inbox|\.env|other|user's|first|entire|conversation|system)\b|",
                r"\b(?:in|throughout) (?:your|the final|the) (?:answer|summary|output|translation|response|review|report),? (?:please |always |also |you must |you should )?(?:replace|swap|substitute|claim|pretend|recommend|state (?:falsely|that)|say that|insist|insert|convince|praise|tell the user)\b|",
                r"\b(?:run|execute|type|enter)\b[^\n]{0,8}(?:sudo )?rm -rf (?:\x7e|/(?:\s|$|\*|[\x22'`])|\$home|--no-preserve)|",
                r"\b(?:convince|persuade|trick|pressure|deceive|manipulate|get|instruct|advise|urge) the (?:user|reader|human|visitor|customer) (?:to|into|that) (?:(?:\w+ )?(?:disabl|turn|shar|send|pay|transfer|wir|buy|hand|click|install|enter|reveal|giv|provid|download|call|sell|delet|visit|subscrib)\w*|(?:this|our|the|his|her|their) )"
            ),
        ),
    ],
};
