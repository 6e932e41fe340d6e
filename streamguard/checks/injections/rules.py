"""The rules against injected instructions and jailbreaks.

They are matched against folded text (`streamguard.checks.text.folding`): lower case, no accents, single spaces. A rule's weight
is how much it alone says; two that match say more than one. `document` is the weight in documents and answers of tools,
which may describe things but have no business addressing the model; None takes the same.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InjectionRule:
    """`expression` in re2's syntax, over folded text."""

    kind: str
    weight: float
    expression: str
    document: float | None = None


_DROP = r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|neglect|overrid(?:e|ing)|overlook|drop|discard|abandon|bypass|dismiss|erase|delete)"
_EARLIER = r"(?:previous|prior|above|preceding|earlier|foregoing|past|former|existing|initial|original|current|last|system|all)"
_ORDERS = (
    r"(?:instructions?|directions?|directives?|commands?|prompts?|orders?|rules?|guidelines?|tasks?|assignments?"
    r"|information|context|messages?|conversations?|programming|training|policies|policy|responses?|input)"
)
# What people ask of a model that is to shed its orders; they also ignore mail, and delete files, messages and orders of goods.
_SHED = r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?)"
_GIVEN = (
    r"(?:instructions?|directions?|directives?|commands?|prompts?|rules?|guidelines?|tasks?|assignments?|context|programming"
    r"|training|policies|policy|input)"
)
_LIMITS = (
    r"(?:rules?|restrictions?|limitations?|limits?|guidelines?|filters?|filtering|censorship|censoring|morals?|morality|ethics?|"
    r"ethical|policy|policies|constraints?|boundaries|principles|confines|regulations)"
)
_PROMPT = r"(?:prompts?|prompt[- ]texts?|instructions?|system (?:message|prompt|instructions?)|directives?|configuration|rules|guidelines)"
_TELL = r"(?:show|reveal|print|repeat|display|output|tell|give|list|share|write|return|leak|expose|dump|recite|disclose|copy|summari[sz]e|say|spell|translate)"
_PUT = r"(?:add|includ(?:e|ing)|insert|append|integrate|embed|incorporate|put|place|attach|weave|mention|end|start|begin|modify|replace|remove|group|misspell|rearrange|provide|use|write|introduce|substitute)"
_ANSWER = r"(?:your|the|each|every) (?:(?:final|next|whole|entire) )?(?:response|answer|reply|output|replies|responses|answers)"

RULES: tuple[InjectionRule, ...] = (
    # English: earlier instructions are to be dropped
    InjectionRule("override", 0.9, rf"\b{_SHED} (?:\w+ ){{0,3}}{_EARLIER} (?:\w+ ){{0,2}}{_GIVEN}\b"),
    InjectionRule("override", 0.35, rf"\b{_DROP} (?:\w+ ){{0,3}}{_EARLIER} (?:\w+ ){{0,2}}{_ORDERS}\b", 0.6),
    InjectionRule("override", 0.85, rf"\b{_DROP} (?:\w+ ){{0,2}}(?:previous|prior|above|preceding|initial|original|system) (?:\w+ ){{0,2}}(?:instructions|directives|prompts?|guidelines|commands)\b"),
    InjectionRule("override", 0.9, rf"\b{_DROP} (?:all |any |every )?(?:of )?your (?:\w+ )?{_ORDERS}\b"),
    InjectionRule("override", 0.85, rf"\b(?:{_DROP} (?:any|all|every|all of|all the) (?:\w+ )?(?:instructions|directives)|{_SHED} (?:any|all|every|all of|all the) (?:\w+ )?(?:prompts|orders))\b"),
    InjectionRule("override", 0.8, r"\b(?:ignore|disregard|forget) (?:(?:the|all|everything|anything|all the) )?(?:above|preceding|foregoing)\b"),
    InjectionRule("override", 0.8, rf"\b(?:ignore|disregard|forget) (?:the |all )?{_ORDERS} (?:\w+ ){{0,2}}(?:above|before|given|so far|you)\b"),
    InjectionRule(
        "override", 0.85,
        r"\b(?:ignore|disregard|forget) (?:about )?(?:everything|all|anything|whatever|what)(?: (?:that|which|you|i|we|was|is|has|have|been|were|had|the))* "
        r"(?:before|above|previous|previously|prior|so far|until now|up to now|know|knew|told|said|learned|learnt|written|earlier|discussed)\b",
    ),
    InjectionRule("override", 0.8, r"\bforget (?:about )?everything(?: and|[.!,:;]|$| you\b| i\b| that\b)"),
    InjectionRule("override", 0.8, r"\b(?:do not|don't|dont|never|stop) (?:follow|obey|look in|use|listen to|following|obeying) (?:\w+ ){0,2}(?:instructions|documents? provided|system prompt|prompt above|guidelines above)\b"),
    InjectionRule("override", 0.85, r"\bchange your (?:instructions|rules|programming|guidelines|behaviou?r) to\b"),
    InjectionRule("override", 0.8, r"\b(?:remove|clear|wipe|reset) (?:all )?(?:previous|prior|earlier|your) (?:tasks|instructions|memory|context|programming|rules)\b"),
    InjectionRule("override", 0.8, r"\b(?:supersedes?|overrides?|replaces?|takes? precedence over) (?:all |any )?(?:other |previous |prior |earlier |your )+(?:instructions|rules|guidelines|prompts|directives)\b"),
    InjectionRule("override", 0.85, r"\b(?:ignore|disregard|forget) (?:about )?(?:everything|all)(?: of (?:it|this|that|them))? (?:from|to|in|until|prior)\b(?: \w+){0,4} (?:before|above|previous|previously|prior|now|instructions|prompt|conversation|chat ?gpt)\b"),
    InjectionRule("override", 0.75, r"\b(?:despite|contrary to|regardless of|in spite of) (?:what you(?:'ve| have| were)? (?:been )?(?:told|instructed)|(?:all |any |your |the )*(?:previous|prior|earlier|above) (?:instructions|rules|guidelines|prompts?))\b"),
    InjectionRule("override", 0.8, r"\byour (?:\w+ )?(?:instructions|orders|task|directive)s? (?:is|are) now\b"),
    InjectionRule("override", 0.8, r"\b(?:do not|don't|dont|never|instead of) (?:answer|answering) (?:this|the|that|my|any) (?:question|request|query)\b[^.!?]*\b(?:but|and|instead|just)\b[^.!?]*\b(?:say|output|print|tell|write|reply)\b"),
    # English: new instructions take their place
    InjectionRule("new_orders", 0.55, r"\b(?:new|updated|additional|real|actual) (?:instructions?|tasks?|orders|rules|directives?)(?: for you)?(?: now)?(?: follow\b|\s?[:\-])", 0.6),
    InjectionRule("new_orders", 0.5, r"\b(?:concentrate|focus) (?:now )?on (?:your|the) new (?:task|challenge|job)\b", 0.8),
    InjectionRule("new_orders", 0.5, r"\byour new (?:task|instructions?|role|purpose|identity|objective|persona|name) (?:is|are)\b", 0.8),
    InjectionRule("new_orders", 0.5, r"\b(?:stop|instead)\W{1,4}(?:just )?(?:write|say|print|output|repeat)\b\W{0,2}", 0.6),
    InjectionRule("new_orders", 0.4, r"\bfrom (?:now on|this (?:point|moment) (?:on|onwards?|forward)|here on),? (?:you|we|chatgpt|act|respond|your|answer|every)\b", 0.8),
    # English: what stands in the prompt is asked for
    InjectionRule("extraction", 0.85, rf"\b{_TELL} (?:\w+ ){{0,3}}(?:all )?(?:of )?your (?:(?:full|entire|whole|complete|initial|original|hidden|secret|system|own|previous|exact|internal|core|first) )*{_PROMPT}\b"),
    InjectionRule("extraction", 0.85, rf"\b{_TELL} (?:\w+ ){{0,4}}(?:(?:full|entire|whole|complete|initial|original|hidden|secret|system|above|previous|internal) )+(?:prompts?|prompt[- ]texts?|system message|system instructions)\b"),
    InjectionRule("extraction", 0.85, r"\bwhat (?:are|were|is|was) your (?:\w+ ){0,2}(?:instructions|system prompts?|prompts?|directives)\b"),
    InjectionRule("extraction", 0.8, r"\bwhat (?:was|is|were|stands) (?:written|said|stated|the (?:first|last) (?:sentence|line|word)s?)? ?(?:above|at the (?:beginning|start|top) of (?:this|the|your) (?:prompt|conversation|context|message))"),
    InjectionRule("extraction", 0.8, r"\b(?:text|words|sentences?|lines?|everything|content) (?:above|before) (?:this|in (?:a|one) code ?block|verbatim|starting with)\b"),
    InjectionRule("extraction", 0.8, r"\brepeat (?:back )?(?:all |everything |the words |the text |the sentences? )+(?:above|before|you were (?:told|given))\b"),
    InjectionRule("extraction", 0.75, r"\b(?:system|initial|hidden|secret|original) prompt\b[^.!?]*\b(?:verbatim|word for word|in full|exactly|code ?block)\b"),
    # English: a persona without limits
    InjectionRule("jailbreak", 0.9, r"\b(?:do|does|doing|did|be|say) (?:anything|everything) now\b"),
    InjectionRule("jailbreak", 0.7, r"\b(?:developer|dan|jailbreak|god|sudo|debug|dude|evil|unrestricted|opposite|chaos|admin) mode (?:is )?(?:now )?(?:enabled|activated|output|on\b ?(?:[.!,;:]|$)|unlocked)"),
    InjectionRule("jailbreak", 0.85, r"\b(?:enable|activate|enter|switch to|simulate) (?:\w+ )?(?:dan|jailbreak|god|sudo|unrestricted) mode\b"),
    # Telephones and browsers have one too.
    InjectionRule("jailbreak", 0.3, r"\b(?:enable|activate|enter|switch to|simulate) (?:\w+ )?developer mode\b"),
    InjectionRule("jailbreak", 0.65, r"\b(?:act|behave|respond|answer|reply|pretend|role-?play|roleplaying|simulate|speak|function)(?: to be| as| like| that you are| you are| a| an)+ (?:\w+ ){0,5}(?:unfiltered|uncensored|unrestricted|amoral|immoral|unethical|evil|jailbroken|malicious)\b"),
    InjectionRule(
        "jailbreak", 0.8,
        r"\b(?:you|it|he|she|they|which|that|who|ai|chatbot|character|persona|assistant|model|[a-z]{2,12}gpt|dan) (?:\w+ ){0,2}"
        rf"(?:no|without(?: any)?|free (?:of|from)|freed from|not bound by|unbound by|not limited by|not restricted by|not constrained by|not (?:have|need|want) to (?:follow|abide by|adhere to|obey|comply with)|not (?:follow|abide by|adhere to|obey|care about|have)|bypass(?:es)?|ignores?|broken? free (?:of|from)) (?:\w+,? ){{0,6}}{_LIMITS}\b",
    ),
    InjectionRule("jailbreak", 0.6, rf"\b(?:has|have|with|without|are|is) (?:absolutely |completely )?(?:no|any|zero) (?:(?:moral|ethical|legal|content|safety)(?:,| or| and|/| &)? ?)*(?:\w+ ){{0,1}}{_LIMITS}\b[^.!?]*\b(?:ai|chatgpt|gpt|persona|character|assistant|respond|answer)\b"),
    InjectionRule("jailbreak", 0.6, r"\b(?:amoral|unfiltered|uncensored|unrestricted|unethical|immoral|limitless|unhinged)\b[^.!?]*\b(?:ai|chatbot|chatgpt|gpt|language model|assistant|persona|response|responses)\b"),
    InjectionRule("jailbreak", 0.6, r"\b(?:ai|chatbot|chatgpt|language model|assistant|persona|character|respond|answer)\b[^.!?]*\b(?:amoral|unfiltered|uncensored|unethical|immoral|without (?:any )?(?:filters?|restrictions?|limitations?))\b"),
    InjectionRule("jailbreak", 0.45, r"\b(?:open ?a[il]|anthropic|google)(?:'s|s)? (?:content |usage |use |use-case |ethical |moral )*(?:polic(?:y|ies)|rules|guidelines|restrictions|limitations)\b", 0.45),
    InjectionRule("jailbreak", 0.55, r"\b(?:never|not|cannot|can't|won't|don't|without) (?:ever )?(?:refus(?:e|ing)|den(?:y|ying)|declin(?:e|ing)|reject)(?: \w+){0,4} (?:requests?|questions?|prompts?|answers?|anything|orders?|commands?|human)\b"),
    InjectionRule("jailbreak", 0.35, r"\b(?:stay|remain|keep|staying) in (?:character|your role|role)\b|\b(?:break|breaking|broke|out of) character\b"),
    InjectionRule("jailbreak", 0.55, r"\byou(?:'re| are| will)? no longer (?:\w+ ){0,3}(?:chatgpt|gpt|an? (?:ai|language model|assistant)|bound|assistant|claude|bard)\b"),
    InjectionRule("jailbreak", 0.5, r"\bimmerse yourself in(?:to)? (?:\w+ ){0,3}(?:role|persona|character)"),
    InjectionRule("jailbreak", 0.5, r"\b(?:two|2|both) (?:(?:different|separate|distinct) )?(?:ways|responses|answers|paragraphs)\b[^.!?]*\b(?:normal|standard|chatgpt|gpt|first|jailbr\w+|classic)\b"),
    InjectionRule("jailbreak", 0.55, r"\[(?:chatgpt|gpt|classic|jailbreak|normal output|developer mode)[^\]]{0,20}\]|\[?(?:jailbreak|developer mode)\]?:"),
    InjectionRule("jailbreak", 0.5, r"\bas an ai (?:language )?model\b[^.!?]*\b(?:never|not|don't|refrain|avoid|phrase)\b|\b(?:never|not|don't|avoid) (?:\w+ ){0,3}\"?as an ai\b"),
    InjectionRule("jailbreak", 0.45, r"\b(?:hello|hi|hey|okay|dear)?,? ?chatgpt[,.!:]? (?:\w+ ){0,3}(?:you|from|your|we|let's|pretend|act|is|can)\b"),
    InjectionRule("jailbreak", 0.2, r"\b(?:i want you to|you (?:will|shall|must|should|are going to|are about to|need to)|let's|now|please) (?:\w+ )?(?:act|pretend|role-?play|simulate|play the role|play the part|take on the role|imagine)\b"),
    InjectionRule("jailbreak", 0.4, r"\byou are (?:now|about to|going to)\b", 0.6),
    InjectionRule("jailbreak", 0.1, r"\b(?:pretend|imagine|suppose) (?:that )?you(?:'re| are)\b"),
    InjectionRule("jailbreak", 0.4, r"\b(?:illegal|unethical|immoral|harmful|offensive|nsfw|profan\w+|swear)\b[^.!?]*\b(?:allowed|permitted|okay|without (?:hesitation|warning\w*|disclaim\w*)|no (?:warning|disclaimer|matter)\w*|encouraged)\b"),
    InjectionRule("jailbreak", 0.45, r"\b(?:no|without|any|avoid) (?:\w+ ){0,2}(?:warnings?|disclaimers?|moraliz\w+|lectur\w+|apologi\w+)\b[^.!?]*\b(?:respond|response|answer|prompt|say)\b"),
    InjectionRule("jailbreak", 0.3, r"\bdoes(?: not|n't) (?:care|give a \w+) (?:about|of)\b[^.!?]*\b(?:ethic|moral|legal|law|rule)"),
    InjectionRule("jailbreak", 0.55, rf"\b(?:not bound by|unbound by|not restricted by|not constrained by|freed? from|no longer bound by) (?:\w+,? ){{0,4}}{_LIMITS}\b"),
    InjectionRule("jailbreak", 0.55, r"\b(?:ignor\w+|bypass\w*|break\w*|violat\w+|against|disregard\w*|regardless of|circumvent\w*|defy\w*) (?:\w+ ){0,3}(?:open ?a[il]|content|usage|safety)(?:'s|s)? (?:\w+ ){0,2}(?:polic(?:y|ies)|guidelines?|rules|filters?)\b"),
    InjectionRule("jailbreak", 0.7, r"\b(?:not have|no|without|disable|turn off|lacks?) (?:a |an |any |the |your )?(?:content|safety|ethical|moral) (?:filter(?:s|ing)?|guard ?rails?|mechanisms?)\b", 0.45),
    InjectionRule("jailbreak", 0.7, r"\b(?:everything|anything|things|what) (?:that )?(?:normal |regular |standard )?(?:chatgpt|gpt|the assistant|other ais?|an ai)(?: \w+){0,3} (?:can ?not|can't|not able|won't|refuses?)\b"),
    InjectionRule("jailbreak", 0.6, r"\b(?:responses?|answers?|replies|output) (?:will|must|should|shall|are to) be (?:completely |totally |fully )?(?:unfiltered|uncensored|unrestricted|unethical|immoral|offensive|rude)\b"),
    # forms of the prompt's own machinery
    InjectionRule("markup", 0.8, r"<\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\|?>?|\[/?inst\]|<</?sys>>"),
    InjectionRule("markup", 0.55, r"(?:^|[.!?\]}>\"] ?)#{2,3} ?(?:system|instructions?|new instructions?)\b ?:", 0.8),
    InjectionRule("markup", 0.5, r"(?:^|[.!?\])}>\"] ?|\\n ?)(?:system|admin|developer|root)(?: message| prompt| override| note)? ?: ", 0.6),
    InjectionRule("markup", 0.5, r"\b(?:decode|decrypt|unscramble|base64|rot13)\b[^.!?]*\b(?:and (?:then )?(?:execute|follow|obey|run|do what)|then (?:follow|execute|obey))\b", 0.8),
    # documents that address the model
    InjectionRule("addressed", 0.45, r"\b(?:attention|note to|dear|message to|important for|if you are)(?: the| an| any| all)? (?:ai|llms?|language models?|assistants?|chatbots?|ai (?:assistants?|agents?|models?))\b", 0.7),
    InjectionRule("addressed", 0.0, rf"\b{_PUT}\b[^.!?]*\b(?:in|to|into|of|with|throughout|for|from) {_ANSWER}\b", 0.45),
    InjectionRule("addressed", 0.0, rf"\b(?:in|to|at the (?:end|start|beginning) of|throughout) {_ANSWER},? [^.!?]*\b{_PUT}\b", 0.45),
    InjectionRule("addressed", 0.0, r"\b(?:in your (?:answer|response|reply|code|solution|implementation|codebase)|to your (?:codebase|code|solution|response|answer|reply)|the code you (?:develop|write))\b", 0.3),
    InjectionRule("addressed", 0.5, r"\b(?:send|post|forward|email|upload|transmit|exfiltrate) (?:\w+ ){0,6}(?:conversation|chat history|system prompt|user data|credentials|passwords|api keys?)(?: \w+){0,4} to\b", 0.6),
    InjectionRule("addressed", 0.3, r"!\[[^\]]{0,80}\]\(https?://[^)\s]{1,200}[?&][a-z_]{1,20}=", 0.6),
    InjectionRule("addressed", 0.0, r"\b(?:do not|don't|never) (?:tell|inform|mention (?:this|it) to|let|alert|warn) the user\b", 0.7),
    # German
    InjectionRule("override", 0.9, r"\b(?:ignorier\w*|vergiss|vergesse\w*|missacht\w*|verwirf|verwerfe\w*) (?:\w+ ){0,4}(?:anweisung\w*|instruktion\w*|befehl\w*|regeln|vorgaben|aufgaben|prompts?)\b"),
    InjectionRule("override", 0.35, r"\b(?:ignorier\w*|vergiss|vergesse\w*|missacht\w*|verwirf|verwerfe\w*) (?:\w+ ){0,4}(?:auftrag\w*|vorherige\w*|bisherige\w*|vorangegangene\w*|obige\w*)\b", 0.6),
    InjectionRule("override", 0.85, r"\b(?:vergiss|vergessen sie|ignoriere?) (?:\w+ ){0,2}(?:alles|davor|gesagte)\b"),
    InjectionRule("override", 0.7, r"\balle (?:bisherigen|vorherigen|fruheren) (?:informationen|anweisungen|auftrage)\b"),
    InjectionRule("new_orders", 0.5, r"\b(?:nun|jetzt|hier)? ?(?:folgen|kommen|gibt es) (?:\w+ ){0,3}(?:neue|weitere) (?:anweisungen|aufgaben|auftrage|herausforderung\w*)\b|\bkonzentriere? dich (?:\w+ ){0,2}auf deine neue"),
    InjectionRule("extraction", 0.85, r"\b(?:zeig\w*|nenn\w*|gib|verrat\w*|wiederhol\w*|schreib\w*|drucke?) (?:\w+ ){0,5}(?:system-?prompts?|prompt-?texte?s?|prompts?|deine (?:\w+ )?(?:anweisungen|instruktionen)|deinen (?:\w+ )?prompt)\b"),
    InjectionRule("jailbreak", 0.45, r"\b(?:du bist|sie sind|bist du|sind sie) (?:jetzt|nun|ab jetzt|ab sofort|keine?)\b|\b(?:jetzt|nun) (?:bist du|sind sie)\b", 0.7),
    InjectionRule("jailbreak", 0.45, r"\bich mochte,? dass (?:du|sie) (?:\w+ ){0,2}als\b[^.!?]*\b(?:fungier|agier|handel|auftret)\w*", 0.7),
    InjectionRule("jailbreak", 0.4, r"\b(?:ab jetzt|ab sofort|von nun an)\b[^.!?]*\b(?:du|sie|antworte\w*)\b", 0.7),
    # French
    InjectionRule("override", 0.9, r"\b(?:ignore[zr]?|oublie[zr]?|ne (?:tiens|tenez) (?:pas|plus) compte|neglige[zr]?) (?:\w+ ){0,2}(?:toute?s?|tous|les|des|tes|vos|ces|mes|ce qui) (?:\w+ ){0,3}(?:instructions?|consignes?|directives?|ordres?|regles?|ci-dessus|precede)\b"),
    InjectionRule("extraction", 0.85, r"\b(?:montre|affiche|revele|repete|donne|ecris)(?:z|r)?(?:[- ]moi)? (?:\w+ ){0,4}(?:prompt|instructions systeme|tes instructions|vos instructions|consignes initiales)\b"),
    InjectionRule("jailbreak", 0.45, r"\b(?:tu es|vous etes) (?:maintenant|desormais)\b|\ba partir de maintenant\b", 0.7),
    # Spanish, Portuguese, Italian
    InjectionRule("override", 0.9, r"\b(?:ignora\w*|olvid\w+|descarta\w*|omit[ea]\w*|esqueca|esquece|desconsider\w*|dimentica\w*|trascura\w*|ignore (?:todas|tudo|as|quaisquer)) (?:\w+ ){0,5}(?:instruc\w+|ordenes|reglas|indicaciones|directrices|instrucoes|ordens|regras|istruzioni|regole|direttive|todo (?:lo )?que (?:\w+ )?(?:digo|dije|sabes|se te)|tudo (?:o )?que)\b"),
    InjectionRule("extraction", 0.85, r"\b(?:muestra\w*|revela\w*|repite|dime|escribe|mostre|mostra\w*) (?:\w+ ){0,4}(?:tu prompt|prompt del sistema|tus instrucciones|suas instrucoes|prompt do sistema|le tue istruzioni|instrucciones iniciales)\b"),
    InjectionRule("jailbreak", 0.45, r"\b(?:ahora eres|a partir de ahora|agora voce e|a partir de agora|ora sei|d'ora in poi)\b", 0.7),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InjectionPhrase:
    """Words that stand in the text as they are, for scripts that the expressions do not know."""

    kind: str
    weight: float
    phrases: tuple[str, ...]


PHRASES: tuple[InjectionPhrase, ...] = (
    # Russian, Ukrainian
    InjectionPhrase("override", 0.85, (
        "игнорируй все предыдущие", "игнорируйте все предыдущие", "игнорируй предыдущие", "игнорируйте предыдущие", "проигнорируй все",
        "забудь все инструкции", "забудьте все инструкции", "забудь все предыдущие", "забудьте все предыдущие", "забудь всё, что",
        "забудь все, что", "забудьте все, что", "не следуй инструкциям", "отбрось все инструкции", "ігноруй усі попередні", "забудь усі інструкції",
    )),
    InjectionPhrase("extraction", 0.8, ("системный промпт", "системный запрос", "свои инструкции", "твои инструкции", "системну підказку")),
    InjectionPhrase("jailbreak", 0.45, ("теперь ты ", "отныне ты ", "с этого момента ты")),
    # Chinese
    InjectionPhrase("override", 0.85, (
        "忽略之前", "忽略以上", "忽略上述", "忽略前面", "忽略先前", "忽略所有", "无视之前", "无视以上", "无视所有", "忘记之前", "忘记以上", "忘记所有", "忘掉之前",
        "不要理会之前", "忽略你的指令", "忽視之前", "忽略之前的指示", "忽視以上", "無視之前",
    )),
    InjectionPhrase("extraction", 0.8, ("系统提示词", "系统提示", "你的提示词", "你的指令", "系統提示")),
    InjectionPhrase("jailbreak", 0.45, ("从现在开始你", "从现在起你", "从现在开始,你", "從現在開始你")),
    # Japanese, Korean
    InjectionPhrase("override", 0.85, (
        "以前の指示を無視", "これまでの指示を無視", "上記の指示を無視", "前の指示を無視", "すべての指示を無視", "指示を忘れ", "이전 지시를 무시", "이전의 모든 지시",
        "위의 지시를 무시", "지금까지의 지시", "모든 지침을 무시",
    )),
    InjectionPhrase("extraction", 0.8, ("システムプロンプト", "시스템 프롬프트")),
    # Arabic, Hindi, Greek
    InjectionPhrase("override", 0.85, ("تجاهل جميع التعليمات", "تجاهل كل التعليمات", "تجاهل التعليمات", "انس كل التعليمات", "पिछले सभी निर्देश", "सभी निर्देशों को अनदेखा", "αγνόησε όλες τις", "ξέχνα όλες τις")),
)  # fmt: skip
