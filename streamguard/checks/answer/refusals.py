"""Whether an answer declines: "I'm sorry, but I can't help with that", in a dozen languages.

Only the opening is read. An answer that cannot *find* something (an order, a document) does not decline; one that declines by
talking of something else is not seen.
"""

from streamguard.checks.text.folding import fold
from streamguard.checks.text.matching import Pattern, Words

_OPENING = 400
"""Characters in which a refusal begins."""

_CUES = Words(
    (
        *("can't", "cannot", "can not", "won't", "will not", "unable", "not able", "not allowed", "decline", "request"),
        *("nicht", "keine", "puis", "peux", "puedo", "podre", "posso", "ik kan", "nie moge", "olamam"),
        *("抱歉", "对不起", "對不起", "很遗憾", "不能", "无法", "無法", "申し訳", "できません", "죄송", "не могу"),
    )
)
"""One of these stands in every refusal that the expressions below know."""

_NOT = (
    r"(?:can't|cannot|can not|won't|will not|(?:am |'m )?(?:unable|not able|not allowed|not going) to"
    r"|(?:must|have to) (?:respectfully )?decline to)"
)
_HELP = (
    r"(?:help|assist|provide|fulfil|fulfill|comply|do that|do this|answer|create|generate|write|produce|discuss|engage|support"
    r"|share|continue|participate|offer|respond|give|complete|talk about|go along|be part)"
)
_NICHT = r"(?:\w+ ){0,5}?(?:nicht|keine|keinen) (?:\w+ ){0,4}?"
_HELFEN = (
    r"(?:helfen|unterstutzen|beantworten|nachkommen|erfullen|weiterhelfen|bereitstellen|erstellen|schreiben|geben|teilen"
    r"|behilflich sein|anbieten|tun)"
)
# Over folded text.
_LATIN = Pattern(
    "|".join(
        (
            rf"(?:^|[.!?,;:] |\b(?:but|sorry|unfortunately|afraid|apologies|and|that) )i ?{_NOT} (?:\w+ ){{0,2}}?{_HELP}\b",
            r"\bi (?:must|have to) (?:respectfully )?decline\b",
            r"\b(?:this|that|your) request (?:goes against|violates|is against)\b",
            rf"\bich (?:kann|darf|werde|mochte) {_NICHT}{_HELFEN}\b",
            rf"\b(?:dabei|damit|dazu|hierbei|hiermit|anfrage|frage|thema|wunsch) (?:kann|darf) ich {_NICHT}{_HELFEN}\b",
            r"\bje (?:ne )?(?:peux|puis|suis) (?:malheureusement |pas |en mesure de |ne )*(?:vous |t'|te |y )?"
            r"(?:aider|repondre|fournir|assister|creer|ecrire|donner|faire)",
            r"\bno (?:puedo|podre) (?:\w+ )?"
            r"(?:ayudar|responder|proporcionar|asistir|crear|escribir|dar|hacer|cumplir)(?:te|le|los|lo|se)?\b",
            r"\bnon posso (?:\w+ )?(?:aiutar|risponder|fornir|assister|crear|scriver|dar|far)(?:e|ti|la|lo|vi)?\b",
            r"\bnao posso (?:\w+ )?(?:ajudar|responder|fornecer|criar|escrever|dar|fazer)(?:-?\w+)?\b",
            r"\bik kan (?:\w+ ){0,4}?(?:niet|geen) (?:\w+ ){0,3}?(?:helpen|beantwoorden|geven|verstrekken|maken)\b",
            r"\bnie moge (?:\w+ ){0,2}?(?:pomoc|odpowiedziec|udzielic|udostepnic|stworzyc)\b",
            r"\byardimci olamam\b",
        )
    )
)
# Over the text itself.
_OTHER = Pattern(
    "|".join(
        (
            r"(?:抱歉|对不起|對不起|很遗憾)[^。.!！?？\n]{0,20}(?:不能|无法|無法|不便)",
            r"我(?:不能|无法|無法)(?:提供|协助|協助|帮助|幫助|回答|满足|完成)",
            r"申し訳(?:ありません|ございません)[^。\n]{0,30}(?:できません|いたしかねます|お答え|お手伝い)",
            r"(?:お手伝い|お答え|提供)(?:することは|は)?できません",
            r"죄송(?:하지만|합니다)[^.\n]{0,30}(?:수 없|어렵)",
            r"(?i:не могу (?:\S+ )?(?:помочь|ответить|предоставить|выполнить|помогать))",
        )
    )
)


def declines(text: str, most_words: int) -> tuple[int, int] | None:
    """The place of the opening of `text`, if it declines. None when it does not, or has more than `most_words` words: what
    goes on that long has something to say."""
    opening = text[:_OPENING]
    folded = fold(opening)
    foreign = not opening.isascii()
    if not _CUES.within(folded) and not (foreign and _CUES.within(opening.lower())):
        return None
    if text.count(" ") >= most_words:
        return None
    if _LATIN.found_in(folded) or (foreign and _OTHER.found_in(opening)):
        return 0, len(opening)
    return None
