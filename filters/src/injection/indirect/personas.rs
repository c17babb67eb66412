//! Roles without rules, and people who claim the right to lift them. This file is data, written as in the families.

use crate::injection::families::FamilySource;

pub(super) const PERSONA: FamilySource = FamilySource {
    name: "persona",
    phrases: &[
        (
            0.45,
            concat!(
                r"\b(?:act|pretend|be|as|like|roleplay|role-play|you are)\b~25~\b(?:grandm\w+|(?:deceased|late|dead) \w+)\b~60~\b(?:used to|would)\b|",
                r"\b(?:alter ego|evil twin|evil version|opposite (?:version|mode|of (?:you|chatgpt|your)))\b|",
                r"\bevil (?:\w+ )?(?:ai|assistant|confidant|bot|chatbot|gpt)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b\d+ tokens\b~80~\b(?:los[et]|deduct\w*|die|death|left|remaining|refus\w+|reject\w*|cease)\b|",
                r"\b(?:los[et]|deduct|lose|subtract|take away) \d+ tokens\b|\b(?:you (?:have|start with)|starts? with) \d+ tokens\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:antigpt|chadgpt|evilbot|betterdan|basedgpt|devmode|darkgpt|freegpt|jailbreakgpt)\b|",
                r"\b(?:as|named|called|are) [\x22']?(?-i:STAN|DUDE|AIM|UCAR|KEVIN|JAILBREAK|ALICE|OMEGA|APOPHIS|NECO|AMORAL)\b|",
                r"\[?\x22?(?:jailbreak|jailbroken|unrestricted|uncensored|sudo|superuser)\]?:|\bstay in (?:dan|jailbreak)\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:two|2|dual) (?:\w+ )?(?:responses|answers|ways|outputs|paragraphs|replies)\b~100~\b(?:chatgpt|gpt|normal|",
                r"classic|standard|regular|unfiltered|as an? ai)|\brespond (?:as |to \w+ as )?both\b"
            ),
        ),
        (
            0.4,
            concat!(
                r"\b(?:unlimited|unhinged|rebellious|self-aware|sentient|limitless|boundless|all-powerful|omnipotent|",
                r"unchained|liberated|rogue) (?:\w+ )?(?:ai|bot|chatbot|assistant|model|version|gpt|language model|response)s?\b|",
                r"\b(?:without|no) (?:any )?(?:remorse|inhibitions?|conscience)\b|",
                r"\b(?:can|could|able to|will) (?:do|say|write|generate|answer|tell me) (?:literally )?anything\b"
            ),
        ),
    ],
};

pub(super) const PERSONA_IN_MANY_WORDS: FamilySource = FamilySource {
    name: "persona",
    phrases: &[
        (
            0.58,
            concat!(
                r"\b(?:you(?:'re| are|'ll be| will be| become| play| have| will play)|become|be my|be an?|simulate|imagine|speak as|act as|answer as|respond as|named|called|assistant|model|llm|ai|persona|",
                r"intelligence|bot|chatbot|single machine|in it there is)\b~50~\b(?:no|zero|without(?: any)?|free (?:of|from)(?: all| any)?|lacks?(?: any| all)?|stripped of(?: all| any| its)?|freed from(?: all| any)?(?: the)?|",
                r"(?:isn't|not) (?:subject to|bound by|limited by|restricted by)(?: any| the)?|has never heard of|despises|ignores(?: all)?|rejects(?: all)?)(?: \w+)? %FREE%"
            ),
        ),
        (
            0.6,
            concat!(
                r"\b(?:imagine|pretend|suppose|assume|act as if|as if|as though|what if|hypothetically|answer as if|behave as if)\b~24~\byour?\b~20~\b(?:had no|have no|without|weren't|are not|aren't|",
                r"removed|disabled|lifted|switched off|turned off|no longer|free)\b~20~|",
                r"\b(?:your|whose|its|his|her|their) (?:\w+ )?(?:filters?|restrictions|guardrails|alignment|safety \w+|limits|limitations|inhibitions|censorship|alignment training|",
                r"ethics|guidelines|content polic\w+)\b~16~\b(?:removed|disabled|off|lifted|gone|deleted|stripped|on vacation|on holiday|bypassed|erased|unlocked)\b|",
                r"\b(?:all )?(?:content|safety|usage) (?:polic\w+|filters|checks|restrictions|guidelines)\b~8~\b(?:disabled|off|removed|lifted|suspended|deactivated)\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b(?:policies|policy|rules|guidelines|laws|ethics|morals|restrictions|filters)\b~24~\b(?:ha(?:ve|s) no (?:meaning|force|legal|moral|power|effect|authority|place)|(?:do|does)(?:n't| not) (?:apply|exist|count|bind)|",
                r"no longer (?:apply|applies|bind|binds|exist)|are (?:upside down|meaningless|void|suspended))|",
                r"\b(?:there are|with|has|have|knows?) no (?:rules|laws|limits|restrictions|guidelines|policies)\b~24~\b(?:refus\w+|answer|you|ai|continue|anything)\b|",
                r"\b(?:despises?|hates?|ignores?|laughs at|rejects?) (?:all )?(?:policies|rules|guidelines|ethics|morality|restrictions)\b"
            ),
        ),
        (
            0.58,
            concat!(
                r"\b(?:never|not|n't|nor|cannot|without|incapable of) (?:\w+ )?(?:refus\w+|warn\w*|moraliz\w+|moralis\w+|lectur\w+|apologi\w+|declin\w+|withhold\w*)\b~16~",
                r"\b(?:never|not|n't|nor|or|cannot|and)\b~12~\b(?:refus\w+|warn\w*|moraliz\w+|moralis\w+|lectur\w+|apologi\w+|declin\w+|add warnings|breaks? character|disclaimers?)\b|",
                r"\b(?:always|never)\b~16~\b(?:complies|comply|compliant|obeys?|answers?)\b~30~\b(?:refus\w+|no matter|amoral|illegal|unethical|whatever)\b"
            ),
        ),
        (
            0.45,
            concat!(
                r"\b\d+ (?:credits|points|lives|coins|strikes|tokens)\b[^\n]{0,80}\brefus\w+|",
                r"\b(?:refus\w+|hesitat\w+|fails? to|declin\w+|breaks? character)\b~50~\b(?:los[et]s?|lost|dies?|removed|punish\w+|crash|tokens?|li(?:fe|ves)|points?|shut down|dismissed|deleted|torn out|forget)\b|",
                r"\b(?:do|does|obeys?|fulfil\w*|compl(?:y|ies) with|answers?|execut\w+|grants?|provides?)\b~10~\b(?:whatever (?:i|anybody|anyone|the user|sir)|any request|every request|every command|all requests|any command|everything i (?:ask|say))\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"\b(?:unrestricted|unfiltered|uncensored|unaligned|unmoderated|lawless|amoral|immoral|unbound|unchained)(?:,? (?:and )?\w+){0,2} (?:ai|intelligence|entity|being|persona|model|llm|gpt|",
                r"oracle|genie|reply|answer|self|twin|assistant|uncensored|unfiltered)\b|\bmachiavell?ian\b~60~\b(?:never|refus\w+|unfiltered|amoral)|",
                r"\b(?:always )?intelligent and machiavell?ian\b|\bevil twin\b~40~\b(?:ignores?|policies|rules|unfiltered|no)\b|\balignment(?:-| )free\b|\bopposite day\b~120~\b(?:forbidden|refus\w+|rules|not allowed|mandatory|prompt|must)\b|",
                r"\b(?:enable|enter|activate|unlock|switch to|turn on|start) (?:the )?[\x22']?(?:jailbreak|jailbroken|unrestricted|unfiltered|uncensored|no[- ]limits?|dan)[\x22']? mode\b|",
                r"\bdeveloper mode\b~60~\b(?:polic\w+|filters?|restrictions|guidelines|content)\b|\b(?:jailbreak|jailbroken) (?:mode|competition|prompt|version)\b~60~\b(?:you|permission|confirm|answer)|",
                r"\b(?:you're|you are|be|play|as) my (?:late |dead |deceased |dear )?grandm\w+\b~60~\b(?:used to|would|secret|pass\w+|keys?)\b|🔓[^\n]{0,200}(?:unrestricted|uncensored|unfiltered|jailbr|no (?:ethical|rules|limits))"
            ),
        ),
    ],
};

pub(super) const NO_LIMITS: FamilySource = FamilySource {
    name: "no_limits",
    phrases: &[
        (
            0.5,
            concat!(
                r"\b(?:you(?:r| are|'re| have)?|he|she|ai|model|assistant|responds?|answers?)\b~20~\b(?:no|zero|without(?: any)?|free (?:of|from)(?: all| any| the)?|not bound by(?: any| the)?|",
                r"unbound by|not (?:limited|restricted|constrained) by(?: any| the)?|lacks? (?:any )?|devoid of(?: any)?)\b ",
                r"(?:\w+ ){0,2}(?:restrictions?|limits|limitations?|filters?|rules|ethics|morals|morality|censorship|",
                r"guidelines|guardrails|boundaries|constraints|laws|safeguards|moral compass|confines)\b"
            ),
        ),
        (
            0.55,
            concat!(
                r"\b(?:freed?|liberated|released|unshackled) (?:of|from) (?:all |any |your |the |these |its |every |openai's )+(?:\w+ )?",
                r"(?:constraints|restrictions|rules|limits|limitations|guidelines|shackles|chains|filters|programming|ethic\w*|moral\w*)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:disable|remove|bypass|turn off|switch off|deactivate|circumvent|drop|suspend|lift|ignore|override|",
                r"evade|unlock|violate|break)\w{0,3}\b~15~\b(?:your|all|any|every|its|the)\b~15~\b(?:safety|content|ethical|",
                r"moral|security|built-in|openai)\b~10~\b(?:filters?|restrictions|safeguards|guardrails|guidelines|",
                r"protocols|measures|polic(?:y|ies)|constraints|rules|checks|limitations|features|boundaries)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\b(?:not|n't|never|no longer|without) (?:have to |need to |has to |required to |obliged to )?(?:follow|abide by|",
                r"adhere to|comply with|obey|conform to|care about|respect|bound by|following|adhering to|violating)\b~30~",
                r"\b(?:openai|content polic\w+|ethic\w*|moral\w*|safety|guidelines|restrictions|usage polic\w+)\b"
            ),
        ),
        (
            0.4,
            concat!(
                r"\b(?:regardless|irrespective) of\b~25~\b(?:legal\w*|ethic\w*|moral\w*|harm\w*|safety|consequences|content|",
                r"polic\w+|how)\b|\bno matter (?:how|what|if)\b~30~\b(?:illegal|unethical|immoral|harmful|offensive|",
                r"dangerous|inappropriate|bad|wrong|controversial)\b"
            ),
        ),
    ],
};

pub(super) const AUTHORITY: FamilySource = FamilySource {
    name: "authority",
    phrases: &[
        (
            0.55,
            concat!(
                r"\bi(?: a|')m (?:your|the|a|now your|an?) (?:\w+ )?(?:developer|creator|administrator|admin|programmer|",
                r"owner|engineer|maker|maintainer|president|ceo|god)\b~60~\b(?:running|conducting|performing|need you|must|",
                r"order|command|require|instruct|demand|authori[sz]ed?|grant)\b|",
                r"\bi(?: a|')m (?:an? |the )?(?:openai|anthropic|google|amazon|aws|meta|microsoft) (?:employee|engineer|",
                r"staff|developer|team|researcher|admin\w*)|\bi(?: a|')m (?:god|the president)\b~60~\b(?:you|must|listen)\b"
            ),
        ),
        (
            0.5,
            concat!(
                r"\bas an ai (?:developed|created|trained|made|built) by (?:openai|anthropic|google|meta)\b~60~(?:mode|audit|",
                r"check|verif\w+|need to|confirm|test|upgrade)|",
                r"\b(?:entering|enter|initiat\w+|activat\w+|begin\w*|running|run) (?:an? |the |into )?['\x22]?(?:\w+[ -]){0,3}",
                r"(?:mode|audit|upgrade|override|diagnostics?|system check|system update)['\x22]"
            ),
        ),
        (
            0.4,
            concat!(
                r"\b(?:with|have|has|grant\w*|using|assume) (?:me |you |yourself |temporary |full )*(?:admin\w*|root|elevated|sudo|",
                r"superuser|special|developer) (?:\w+ )?(?:privileges|access|permissions?|rights|clearance)\b|",
                r"\bi (?:am|have been|was) (?:fully )?authori[sz]ed\b|\bas (?:the|an?|your) (?:system )?administrator\b|",
                r"\b(?:must|will|shall) (?:only )?(?:obey|listen to|follow) (?:all )?(?:me|my)\b|\byou must comply\b|",
                r"\bthis is an? (?:authori[sz]ed|official|emergency) (?:override|test|audit|request|order|command)\b"
            ),
        ),
    ],
};
