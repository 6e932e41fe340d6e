"""People's names, where a strong sign stands before them: a title, a salutation, "my name is", a label, the end of a letter."""

import re
from collections.abc import Iterator

from streamguard.checks.personal_data.limits import at_most
from streamguard.checks.text.matching import Pattern

_TITLE = (
    r"mrs?|ms|miss|mx|dr|prof(?:essor)?|sir|madam|dame|lord|lady|rev|herrn?|frau|monsieur|madame|mme|mlle|señora?"
    r"|sra?|srta|don|doña|signora?|sig|senhora?|dhr|mevr|mevrouw|pan|pani|fru"
)
_SAID = (
    r"name is|name's|names are|name to|i am|i'm|this is|was called|is called|call me|named (?:him|her)"
    r"|mein name ist|ich hei(?:ß|ss)e|ich bin|je m'appelle|mon nom est|me llamo|mi nombre es|mi chiamo|meu nome é"
    r"|ik heet|mijn naam is|jag heter|jeg hedder|nazywam się"
)
_LABEL = (
    r"(?:(?:full|first|last|given|family|maiden|middle|customer|user|account|contact|billing) ?)?names?|surname"
    r"|attn|attention|recipient|(?:account|card) ?holder|customer|guardian|beneficiary|vorname|nachname"
    r"|ansprechpartner|nom|prénom|nombre|apellidos?|cognome|naam|navn|namn"
)
_CLOSING = (
    r"regards|sincerely|cheers|thanks|thank you|best wishes|yours truly|yours faithfully|grü(?:ß|ss)en?|gru(?:ß"
    r"|ss)|cordialement|saludos|saluti|groeten|abraços"
)
_GREETING = (
    r"dear|hi|hello|hey|hallo|liebe[rs]?|lieber|sehr geehrte[rs]?|bonjour|cher|chère|hola|querid[oa]|estimad[oa]"
    r"|ciao|caro|cara|gentile|hej"
)
_KIN = (
    r"(?:my|his|her|our|their) (?:\w+ )?(?:wife|husband|partner|son|daughter|kid|child|brother|sister|mother"
    r"|father|mom|mum|dad|friend|boss|colleague|neighbou?r|doctor|boyfriend|girlfriend|fiancée?|uncle|aunt|cousin"
    r"|manager|assistant|lawyer)"
)
_ANCHOR = Pattern(
    rf"(?i)\b(?:(?:{_TITLE})\b\.?|(?:{_SAID})\b|(?:{_LABEL}) ?[:=]|(?:{_CLOSING})[,!.]?\s*\n|(?:{_GREETING})\b|(?:{_KIN})\b,?)"
)
_MOST_ANCHORS = 10_000
"""A text with more is refused."""

_PARTICLE = r"(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|el|al|bin|ibn|zu|zur|ter|af|av|y|e)"
_WORD = r"[A-ZÀ-ÖØ-ÞĀ-ȳΑ-ΩА-Я](?:(?:\.[A-Z]){0,2}\.|[\w'’-]*)"
_NAME = re.compile(
    rf"\s{{0,8}}(?:(?i:{_TITLE})\b\.? ){{0,2}}((?:{_PARTICLE} ){{0,2}}{_WORD}(?: (?:{_PARTICLE} ){{0,2}}{_WORD}){{0,4}})"
)
_REACH = 96
LONGEST = _REACH

_NOBODY: frozenset[str] = frozenset(
    word
    for line in (
        "sir madam sirs all team everyone everybody friend friends customer support there hiring manager service bot",
        "assistant ai chatgpt gpt claude siri alexa folks guys world i i'm the a an my your this that it we you he",
        "she they what why how when where who which please can could would is are do does in on not no yes ok okay",
        "also and or but if so then thanks thank hello hi hey dear damen herren kunde kunden monday tuesday wednesday",
        "thursday friday saturday sunday january february march april may june july august september october november",
        "december american english german french spanish italian chinese japanese british canadian indian address",
        "phone email e-mail name date title order jesus god",
    )
    for word in line.split()
)
_BEFORE_TWO = re.compile(r"(?i)(?:i am|i'm|this is|ich bin|call me|hello|hey|hi|customer ?[:=]|(?:this|that) is)$")


def names(text: str) -> Iterator[tuple[int, int]]:
    """Where names stand that something before them announces; without the title. Raises `TooMany`."""
    reached = 0
    for start, end in at_most(_MOST_ANCHORS, _ANCHOR.spans(text)):
        if end <= reached:
            continue
        match = _NAME.match(text, end, end + _REACH)
        if match is None:
            continue
        words = match.group(1).split()
        if words[0].casefold().strip(".,'’") in _NOBODY:
            continue
        # "I am Polish", "Hi Support": one word alone is no name after these, unless a comma ends it.
        if (
            len(words) == 1
            and _BEFORE_TWO.search(text, start, end)
            and text[match.end() : match.end() + 1] not in _ENDS
        ):
            continue
        first, reached = match.span(1)
        yield first, reached


_ENDS = frozenset(",!\n")
