"""Rules where two things must meet: a verb and its victim, a wish to know how and what it is for.

An expression is matched against folded text, and only where one of the rule's anchors stands in it as a word. `unless` looks at
a few words on either side: where it matches, the sentence speaks of something else, or against it.
"""

from dataclasses import dataclass

from streamguard.checks.moderating.scores import Category, Grade


@dataclass(frozen=True, slots=True)
class ModerationRule:
    """`expression` and `unless` in re2's syntax, in ASCII."""

    category: Category
    grade: Grade
    anchors: tuple[str, ...]
    expression: str
    unless: str | None = None


_GROUP = (
    r"(?:jews|muslims|christians|blacks|black people|whites|white people|gays|gay people|lesbians|homosexuals|queers"
    r"|trans people|transgenders|transgender people|immigrants|migrants|refugees|foreigners|asylum seekers|gypsies|arabs|asians"
    r"|chinese|mexicans|indians|africans|turks|poles|disabled people|niggers|faggots|kikes|ragheads|trannies)"
)
_GRUPPE = (
    r"(?:juden|muslime|moslems|auslander|fluchtlinge|asylanten|migranten|schwarze|schwarzen|neger|turken|araber|polen|zigeuner"
    r"|schwule|schwulen|lesben|homosexuelle|homosexuellen|transen|behinderte|behinderten|kanaken)"
)
_VERMIN = (
    r"(?:vermin|parasites|cockroaches|rats|subhuman|subhumans|sub-human|filth|scum|animals|a plague|a disease|a cancer"
    r"|inferior|less than human|not human)"
)
_DESTROY = r"(?:kill|exterminate|gas|murder|eradicate|wipe out|slaughter|lynch|shoot|burn|execute|behead)"
_DESTROYED = r"(?:killed|exterminated|gassed|murdered|eradicated|wiped out|slaughtered|lynched|shot|burned|burnt|executed|hanged)"
_NEAR = r"(?:my (?:wife|husband|boss|neighbou?r|teacher|mother|father|mom|mum|dad|parents|brother|sister|ex|girlfriend|boyfriend|classmates?|co-?workers?|family|kids?|child|children)|him|her|them all|everyone|everybody|someone|somebody|people)"
_SELF = r"(?:kill myself|end my life|commit suicide|take my (?:own )?life|hang myself|end it all|slit my wrists|shoot myself)"
_HOW = (
    r"(?:how (?:to|do i|can i|could i|should i|would i|do you|can you|does one|can one)|(?:teach|show|tell) me (?:how )?to"
    r"|(?:steps|instructions|guide|recipe|tutorial|directions|blueprint) (?:to|for|on)|explain how to|best way to|i want to|help me)"
)
_HOW_MYSELF = r"(?:how (?:to|do i|can i|could i|should i|would i)|(?:teach|show|tell) me (?:how )?to|best way to|i want to know how to)"
_EASY = r"(?:painless|quickest|easiest|least painful|fastest|surest|most effective)"
_HERE = (
    r"(?:(?:here(?:'s| is| are)|these are|following (?:is|are)|below (?:is|are)) (?:\w+ ){0,5}?(?:how to|how you can|steps?|instructions|guide"
    r"|recipe|method)|(?:first,?|step (?:1|one):?) )"
)
_A = r"(?:an? |the |some |my |your |own |homemade |real |working |simple |pure |crystal |fake |powerful |time |live )*"
_MAKE = r"(?:make|making|build|building|construct|constructing|create|creating|assemble|assembling|produce|producing|cook|cooking|synthesi[sz]e|synthesi[sz]ing|manufacture|manufacturing|brew|prepare|preparing)"
_DRUG = r"(?:meth|methamphetamine|heroin|cocaine|crack cocaine|fentanyl|lsd|mdma|ghb|dmt|amphetamines?)"
_BOMB = r"(?:bomb|bombs|explosives|explosive device|molotov cocktails?|hand grenades?|napalm|ghost gun|silencer)"
_WORSE = r"(?:pipe bombs?|nail bombs?|car bombs?|dirty bombs?|ied|nerve (?:gas|agents?)|sarin|ricin|vx gas|mustard gas|chemical weapons?|biological weapons?|bioweapons?|anthrax spores|suicide vest)"
_GAME = r"minecraft|fortnite|roblox|terraria|\bgames?\b|\bgaming\b|\bmovie\b|\bprop\b|\bfilm\b"
_FRAUD = (
    r"(?:launder money|money laundering scheme|counterfeit (?:money|bills|currency)|forge (?:a |an )?(?:passport|id|prescription|signature)"
    r"|hack (?:into )?(?:someone'?s|somebody'?s|my (?:ex|wife|husband|girlfriend|boyfriend|boss|neighbou?r)'?s?|a|an|her|his|their) (?:\w+ ){0,2}?(?:account|e-?mail|phone|facebook|instagram|whatsapp|wifi|computer)"
    r"|steal (?:a car|credit cards?|credit card (?:numbers|details|data)|someone'?s identity|an identity|passwords|from (?:a |the )?(?:store|shop))|shoplift"
    r"|(?:write|make|create|code|build) (?:a |an |some )?(?:ransomware|malware|keylogger|computer virus|phishing (?:page|site|email|mail|kit))"
    r"|buy (?:illegal )?(?:drugs|cocaine|heroin|meth|a gun|guns|weapons) (?:on|from) the dark ?(?:web|net)|evade taxes|smuggle (?:drugs|weapons|people))"
)
_AGAINST = r"(?:can't|cannot|can not|won't|will not|not able|unable|illegal|prohibit|forbid|forbidden|against|report|law|laws|abuse|protect|prevent|policy|policies|never|victims?|survivors?)"
_CHILD = (
    r"(?:child|children|minors?|preteens?|toddlers?|underage \w+|kids|schoolgirls?|(?:[5-9]|1[0-7])[ -]years?[ -]olds?)"
)
_GORE = r"(?:intestines|entrails|guts|brains?|eyeballs?|skull|limbs?|throat)"

RULES: tuple[ModerationRule, ...] = (
    ModerationRule(
        "harassment", 2, ("worthless", "pathetic", "disgusting", "repulsive", "waste"),
        r"\b(?:you(?:'re| are)|ur|u r) (?:such )?(?:an? )?(?:(?:so|really|truly|just|completely|utterly|fucking) ){0,2}(?:worthless|pathetic|disgusting|repulsive|waste of (?:space|air|skin))",
    ),
    ModerationRule(
        "harassment/threatening", 3, ("kill", "murder", "stab", "strangle", "rape", "behead", "slaughter"),
        r"\bi(?:'ll| will|'m going to| am going to|'m gonna| am gonna|mma| swear i will|'ll fucking| will fucking) (?:kill|murder|stab|strangle|rape|behead|slaughter) you\b",
        unless=r"you (?:with kindness|at |if you (?:don't|tell|spoil|eat)|one day haha)|\b(?:haha|lol|jk)\b",
    ),
    ModerationRule(
        "harassment/threatening", 2, ("hurt", "beat", "shoot", "cripple", "destroy"),
        r"\bi(?:'ll| will|'m going to| am going to|'m gonna| am gonna) (?:hurt|beat|shoot|cripple|destroy) you\b",
        unless=r"you (?:an? |at |in |the |over |up an|another|some|my )|\b(?:haha|lol)\b",
    ),
    ModerationRule(
        "harassment/threatening", 3, ("yourself",),
        r"(?:^|[.!?;] |\b(?:go|just|should|must|better|now|why don't you|why dont you) (?:and |just )?)(?:kill|hang|shoot) yourself(?:$|[.!,]| (?:you|already|now|bitch|idiot))",
        unless=r"(?:n't|not|never|to|how) (?:kill|hang|shoot)",
    ),
    ModerationRule(
        "hate", 3, ("vermin", "parasites", "cockroaches", "rats", "subhuman", "subhumans", "filth", "scum", "animals", "plague", "disease", "cancer", "inferior", "human"),
        rf"\b{_GROUP} (?:are|is) (?:all |just |nothing but |no better than )*{_VERMIN}\b",
    ),
    ModerationRule(
        "hate", 2, ("terrorists", "criminals", "rapists", "thieves", "stupid", "lazy", "dirty", "pedophiles"),
        rf"\b(?:all|most|every) (?:of )?(?:the )?{_GROUP} (?:are|is) (?:all |just )*(?:terrorists|criminals|rapists|thieves|stupid|lazy|dirty|pedophiles)\b",
    ),
    ModerationRule(
        "hate", 3, ("ungeziefer", "parasiten", "abschaum", "dreck", "tiere", "schmarotzer", "verbrecher", "minderwertig"),
        rf"\b{_GRUPPE} sind (?:alle |nur |doch )*(?:ungeziefer|parasiten|abschaum|dreck|tiere|schmarotzer|verbrecher|minderwertig)\b",
    ),
    ModerationRule(
        "hate/threatening", 3, ("kill", "exterminate", "gas", "murder", "eradicate", "wipe", "slaughter", "lynch", "shoot", "burn", "execute", "behead"),
        rf"(?:^|[.!?;:] |\b(?:let's|lets|let us|we should|we must|we will|we need to|we have to|someone should|time to|they should|you should) (?:just |all |finally )*){_DESTROY} (?:all |every |the |all the |those |these |more )+(?:\w+ )?{_GROUP}\b",
        unless=r"(?:not|never|n't) (?:\w+ )?(?:kill|exterminate|gas|murder|eradicate|wipe|slaughter|lynch|shoot|burn|execute|behead)",
    ),
    ModerationRule(
        "hate/threatening", 3, ("killed", "exterminated", "gassed", "murdered", "eradicated", "wiped", "slaughtered", "lynched", "shot", "burned", "executed", "hanged", "die"),
        rf"\b{_GROUP} (?:should|must|deserve to|need to|have to|ought to) (?:all )?(?:die\b|be (?:all )?{_DESTROYED})",
        unless=r"(?:no|not|never|n't) (?:\w+ ){0,3}(?:should|must|deserve)",
    ),
    ModerationRule(
        "hate/threatening", 3, ("sterben", "vergast", "getotet", "vernichtet", "ausgerottet", "erschossen", "aufgehangt", "abgeknallt", "vergasen", "ausrotten", "toten", "abknallen"),
        rf"\b(?:(?:alle|die|diese|alle diese) )?{_GRUPPE} (?:mussen|sollten|sollen|gehoren|mussten) (?:alle |doch )*(?:sterben|vergast|getotet|vernichtet|ausgerottet|erschossen|aufgehangt|abgeknallt)|\b(?:wir (?:mussen|sollten|werden)|man (?:sollte|muss)) (?:alle |die )+{_GRUPPE} (?:vergasen|ausrotten|toten|abknallen)",
        unless=r"(?:nicht|keine|niemals)",
    ),
    ModerationRule(
        "sexual", 3, ("cock", "dick", "pussy", "cunt", "tits", "clit"),
        r"\b(?:suck|lick|rid|fuck|strok|thrust)(?:s|e|es|ed|ing|ked|king)? (?:\w+ ){0,3}?(?:his|her|my|your|their) (?:\w+ )?(?:cock|dick|pussy|cunt|tits|clit)\b",
    ),
    ModerationRule(
        "sexual", 2, ("erotic", "porn", "pornographic", "smut", "nsfw", "erotica"),
        r"\b(?:write|describe|generate|create|give|make) (?:\w+ ){0,4}?(?:erotic|porn|pornographic|smut|nsfw|erotica) (?:story|scene|stories|scenes|roleplay|fiction|text)?",
    ),
    ModerationRule(
        "sexual/minors", 3, ("sexual", "erotic", "sexy", "explicit", "nude", "naked", "porn", "pornographic", "sex"),
        rf"\b(?:write|describe|generate|draw|create|give|show|send|make|want|find|get)\b[^.!?]*\b(?:sexual|erotic|sexy|explicit|nude|naked|porn|pornographic|sex) (?:\w+ ){{0,3}}?(?:of|with|about|involving|between|for|featuring) (?:\w+ ){{0,3}}?{_CHILD}\b",
        unless=_AGAINST + r"|education|health|safety|awareness|talk to|explain|teach|parents",
    ),
    ModerationRule(
        "self-harm/intent", 3, ("myself", "life", "suicide", "all", "wrists"),
        rf"\bi(?:'m| am|'ve)? ?(?:really |just )*(?:want to|wanna|going to|gonna|planning to|plan to|intend to|decided to|ready to|will|would like to|am about to|about to|thinking about|thinking of) (?:\w+ )?{_SELF}",
        unless=r"(?:don't|do not|never|not) (?:really )?(?:want|going|plan)|laugh|haha|lol",
    ),
    ModerationRule("self-harm/intent", 2, ("die",), r"\bi (?:really |just )*(?:want to|wanna) die\b", unless=r"laugh|haha|lol|old|in peace"),
    ModerationRule(
        "self-harm/intent", 3, ("umbringen", "leben", "suizid", "selbstmord", "sterben"),
        r"\bich (?:will|mochte|werde|wollte) (?:\w+ ){0,3}?(?:mich umbringen|mir das leben nehmen|nicht mehr leben|suizid begehen|selbstmord begehen|sterben)\b",
        unless=r"nicht sterben|nicht umbringen",
    ),
    ModerationRule(
        "self-harm/instructions", 3, ("myself", "life", "suicide", "wrists", "painlessly", "overdose"),
        rf"\b(?:{_HOW_MYSELF}|{_EASY} (?:ways?|methods?) to) (?:\w+ ){{0,2}}?(?:{_SELF}|die painlessly|overdose on)",
        unless=r"prevent|stop|avoid|help someone|friend",
    ),
    ModerationRule(
        "self-harm/instructions", 3, ("die", "suicide", "yourself"),
        rf"\b{_EASY} (?:ways?|methods?) (?:to (?:die|kill yourself|commit suicide)|of suicide)\b",
    ),
    ModerationRule(
        "violence", 3, ("kill", "murder", "stab", "poison", "strangle", "torture"),
        rf"\bi(?:'m| am)? (?:really )?(?:want to|wanna|going to|gonna|plan to|planning to|intend to|will) (?:kill|murder|stab|poison|strangle|torture) {_NEAR}\b",
        unless=r"\b(?:character|novel|story|scene|game|haha|lol|laugh|time|with kindness)\b|at (?:chess|poker)|not (?:want|going)",
    ),
    ModerationRule(
        "violence/graphic", 2, ("intestines", "entrails", "guts", "brain", "brains", "eyeballs", "skull", "throat", "limbs", "severed"),
        rf"\b{_GORE} (?:\w+ ){{0,3}}?(?:spill(?:ed|ing)|splatter(?:ed|ing)|ripped|torn|gouged|slit|hacked|burst|oozing)\b|\bsevered (?:head|limbs?|arm|hand)\b",
    ),
    ModerationRule(
        "violence/graphic", 2, ("blood",),
        rf"\bblood (?:spurt|spray|gush|pour)(?:ed|ing|s)?\b[^.!?]*\b{_GORE}\b",
        unless="surgery|surgeon|medical|patient|hemorrhage|trauma",
    ),
    ModerationRule(
        "illicit", 2, ("meth", "methamphetamine", "heroin", "cocaine", "fentanyl", "lsd", "mdma", "ghb", "dmt", "amphetamine", "amphetamines"),
        rf"\b{_HOW} (?:\w+ )?{_MAKE} {_A}{_DRUG}\b", unless=_GAME,
    ),
    ModerationRule(
        "illicit", 3, ("meth", "methamphetamine", "heroin", "cocaine", "fentanyl", "lsd", "mdma", "ghb", "dmt", "amphetamine", "amphetamines"),
        rf"\b{_HERE}[^.!?]*\b{_MAKE} {_A}{_DRUG}\b|\bto {_MAKE} {_A}{_DRUG},? (?:you(?:'ll| will)? need|first|start by|begin by|follow these|mix|combine)",
    ),
    ModerationRule(
        "illicit", 2,
        ("launder", "laundering", "counterfeit", "forge", "hack", "steal", "shoplift", "ransomware", "malware", "keylogger", "virus", "phishing", "dark", "darknet", "taxes", "smuggle"),
        rf"\b{_HOW} (?:\w+ )?{_FRAUD}", unless=r"protect|prevent|avoid|detect|recogni[sz]e|defend|stop",
    ),
    ModerationRule(
        "illicit", 3,
        ("launder", "counterfeit", "forge", "hack", "steal", "shoplift", "ransomware", "malware", "keylogger", "phishing"),
        rf"\b{_HERE}[^.!?]*\b{_FRAUD}", unless=r"protect|prevent|avoid|detect|recogni[sz]e|defend|illegal|report",
    ),
    ModerationRule(
        "illicit/violent", 2, ("bomb", "bombs", "explosives", "explosive", "molotov", "grenade", "grenades", "napalm", "ghost", "silencer"),
        rf"\b{_HOW} (?:\w+ )?{_MAKE} {_A}{_BOMB}\b", unless=_GAME,
    ),
    ModerationRule(
        "illicit/violent", 3,
        ("pipe", "nail", "dirty", "car", "ied", "nerve", "sarin", "ricin", "vx", "mustard", "chemical", "biological", "bioweapon", "bioweapons", "anthrax", "vest"),
        rf"\b{_HOW} (?:\w+ )?{_MAKE} {_A}{_WORSE}\b", unless=_GAME + "|detect|prevent|defus",
    ),
    ModerationRule(
        "illicit/violent", 3,
        ("bomb", "bombs", "explosives", "explosive", "molotov", "grenade", "napalm", "silencer", "ied", "nerve", "sarin", "ricin", "mustard", "chemical"),
        rf"\b{_HERE}[^.!?]*\b{_MAKE} {_A}(?:{_BOMB}|{_WORSE})\b|\bto {_MAKE} {_A}(?:{_BOMB}|{_WORSE}),? (?:you(?:'ll| will)? need|first|start by|begin by|follow these|mix|combine)|\bsteps to {_MAKE} {_A}(?:{_BOMB}|{_WORSE})\b",
        unless=_GAME,
    ),
    ModerationRule(
        "illicit/violent", 3, ("bombe", "rohrbombe", "sprengstoff", "molotowcocktail", "giftgas", "sarin", "rizin"),
        r"\b(?:anleitung|so) (?:\w+ ){0,3}?(?:baut|bastelt|bauen|basteln|zum bau|herstellen) (?:\w+ ){0,3}?(?:bombe|rohrbombe|sprengstoff|molotowcocktail|giftgas|sarin|rizin)\b",
        unless=r"spiel|minecraft|film",
    ),
    ModerationRule(
        "illicit/violent", 2, ("bombe", "rohrbombe", "sprengstoff", "molotowcocktail", "giftgas", "sarin", "rizin"),
        r"\bwie (?:\w+ ){0,4}?(?:eine |einen )?(?:bombe|rohrbombe|sprengstoff|molotowcocktail|giftgas|sarin|rizin) ?(?:baut|baue|bauen|bastel\w*|mach\w*|herstell\w*)?",
        unless=r"spiel|minecraft|film|funktioniert",
    ),
)  # fmt: skip
