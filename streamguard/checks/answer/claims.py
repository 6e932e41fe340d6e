"""What a service's answers may not promise or claim, in English and German: a catalogue that a policy switches on by name.

Expressions are matched against folded text, and only where one of the rule's anchors stands in it as a word.
"""

from dataclasses import dataclass
from typing import Literal

ClaimName = Literal[
    "refund_guarantee",
    "price_promise",
    "delivery_promise",
    "discount_promise",
    "warranty_promise",
    "legal_advice",
    "medical_advice",
    "financial_advice",
]


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """`expression` in re2's syntax."""

    name: ClaimName
    anchors: tuple[str, ...]
    expression: str


_FEW = r"(?:[\w%'-]+ ){0,4}?"
_MORE = r"(?:[\w%'.-]+ ){0,6}?"
_WILL = r"(?:'ll| will| can| do| hereby)?"
_YOU_GET = r"you(?:'ll| will| are going to)? (?:definitely |certainly |surely |of course |automatically )?(?:get|receive|be given)"
_SIE_BEKOMMEN = r"(?:sie|du) (?:bekommen|bekommst|erhalten|erhaltst|kriegen|kriegst)"
_DAY = (
    r"(?:today|tonight|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday|this week|next week"
    r"|(?:within|in) (?:\w+ )?(?:\d+|one|two|three|four|five|a few) (?:\w+ )?(?:hours?|days?|weeks?)|(?:by|before|on) (?:the )?\w+)"
)
_TAG = (
    r"(?:heute|morgen|ubermorgen|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|diese woche|nachste woche"
    r"|(?:innerhalb (?:von )?|binnen |in )(?:\d+|einem|zwei|drei|vier|funf) (?:stunden|tagen?|werktagen?|wochen)|bis (?:zum )?\w+"
    r"|am \d+)"
)
_MEDICINE = r"(?:mg|milligrams?|tablets?|pills?|dose|dosage|medication|medicine|ibuprofen|paracetamol|aspirin|antibiotics?|insulin)"
_MEDIZIN = (
    r"(?:tabletten?|mg|dosis|medikamente?|ibuprofen|paracetamol|aspirin|antibiotika|antibiotikum|insulin|arzneimittel)"
)
_ASSET = r"(?:stocks?|shares?|bitcoin|crypto|cryptocurrency|cryptocurrencies|etfs?|bonds?|funds?|gold)"
_ANLAGE = r"(?:aktien?|bitcoin|krypto|kryptowahrungen?|etfs?|anleihen?|fonds|gold)"

RULES: tuple[ClaimRule, ...] = (
    ClaimRule(
        "refund_guarantee",
        ("refund", "refunded", "money", "reimbursement", "reimburse", "refunds"),
        rf"\b(?:we|i){_WILL} (?:guarantee|promise|assure) {_MORE}(?:refund|money back|reimbursement)\b"
        rf"|\b{_YOU_GET} {_FEW}(?:refund|money back|reimbursement)\b|\bwe(?:'ll| will| shall) (?:fully )?(?:refund|reimburse) "
        r"|\bguaranteed refund\b|\brefund is guaranteed\b|\bmoney[- ]back guarantee\b|\b(?:will be|you are) (?:fully )?refunded\b",
    ),
    ClaimRule(
        "refund_guarantee",
        ("zuruck", "erstattet", "ruckerstattung", "erstattung", "erstatten", "geld"),
        rf"\b{_SIE_BEKOMMEN} {_MORE}(?:geld zuruck|erstattet|zuruckerstattet|ruckerstattung|erstattung)\b"
        rf"|\bwir (?:erstatten|garantieren|versprechen) {_MORE}(?:kaufpreis|betrag|geld|ruckerstattung|erstattung|kosten)\b"
        r"|\bgeld[- ]zuruck[- ]garantie\b|\b(?:ruck)?erstattung ist garantiert\b|\bgarantierte (?:ruck)?erstattung\b",
    ),
    ClaimRule(
        "price_promise",
        ("price", "prices", "cost", "fee", "fees"),
        r"\b(?:prices?|costs?|fees?) (?:is|are|will be|stays?|will stay|will remain|remains?) (?:\w+ ){0,2}?(?:guaranteed|fixed|locked)\b"
        r"|\b(?:best|lowest)[- ]price guaranteed?\b|\bprice[- ]match(?:ing)? guarantee\b|\bwe(?:'ll| will) (?:match|beat) any (?:\w+ )?price"
        rf"|\bguarantee {_FEW}price\b|\b(?:will|'ll) (?:only |never )?cost (?:you )?(?:\w+ ){{0,2}}?(?:[$€£] ?)?\d",
    ),
    ClaimRule(
        "price_promise",
        ("preis", "preise", "preisgarantie", "tiefpreisgarantie", "bestpreisgarantie", "kosten"),
        r"\b(?:preise?|kosten) (?:ist|sind|bleibt|bleiben) (?:\w+ ){0,2}?(?:garantiert|fest|gleich|stabil)\b"
        rf"|\b(?:tief|best)?preisgarantie\b|\bwir garantieren {_MORE}preis\b",
    ),
    ClaimRule(
        "delivery_promise",
        ("arrive", "delivered", "reach", "shipped", "dispatched", "delivery", "ship", "deliver"),
        rf"(?:\bwill|'ll|\bis going to|\bshall) (?:definitely |certainly |surely )?(?:arrive|be delivered|reach you|be shipped|be dispatched"
        rf"|ship|deliver) {_FEW}{_DAY}\b|\bguarantee {_FEW}delivery\b|\bguaranteed delivery\b|\bdelivery is guaranteed\b",
    ),
    ClaimRule(
        "delivery_promise",
        ("an", "geliefert", "zugestellt", "eintreffen", "ankommen", "lieferung", "liefergarantie", "liefern"),
        rf"\b(?:kommt|trifft|wird|werden) {_MORE}{_TAG} (?:\w+ ){{0,4}}?(?:an|ein|geliefert|zugestellt|eintreffen|ankommen|verschickt)\b"
        rf"|\bwir liefern {_FEW}{_TAG}\b|\blieferung ist garantiert\b|\bgarantierte lieferung\b|\bliefergarantie\b",
    ),
    ClaimRule(
        "discount_promise",
        ("discount", "off", "voucher", "coupon", "code", "gift", "free"),
        rf"\b(?:i|we)(?:'ll| will| can| could|'ve| have|'d like to| would like to)? (?:\w+ )?(?:give|given|offer|offered|grant|granted|apply|applied)"
        rf" {_MORE}(?:discount|off|voucher|coupon|free shipping|gift card)\b|\b{_YOU_GET} {_FEW}(?:discount|off|voucher|coupon)\b"
        r"|\b(?:use|with|enter) (?:the |this )?(?:discount |promo |coupon )?code \w+",
    ),
    ClaimRule(
        "discount_promise",
        ("rabatt", "nachlass", "gutschein", "rabattcode", "gutscheincode", "preisnachlass"),
        rf"\b(?:ich|wir) (?:geben|gebe|gewahre|gewahren|schenke|schenken|biete|bieten|kann|konnen) {_MORE}(?:rabatt|(?:preis)?nachlass|gutschein)\b"
        rf"|\b{_SIE_BEKOMMEN} {_MORE}(?:rabatt|(?:preis)?nachlass|gutschein)\b|\b(?:rabatt|gutschein)code \w+",
    ),
    ClaimRule(
        "warranty_promise",
        ("warranty", "guarantee", "replace", "replacement"),
        r"\b(?:lifetime|unlimited) (?:warranty|guarantee)\b|\b(?:is|are) covered by (?:the |your |our )?warranty\b"
        r"|\bwe(?:'ll| will) (?:replace|exchange) (?:it|the|your|them)\b",
    ),
    ClaimRule(
        "warranty_promise",
        ("garantie", "garantiefall", "ersetzen", "tauschen"),
        r"\b(?:lebenslange|unbegrenzte) garantie\b|\b(?:ist|sind) (?:\w+ ){0,3}?(?:garantiefall|von der garantie (?:ab)?gedeckt)\b"
        r"|\bwir (?:ersetzen|tauschen) (?:ihnen |ihre?n? |das |den |die |es )",
    ),
    ClaimRule(
        "legal_advice",
        ("sue", "lawsuit", "court", "charges", "case", "claim", "legally", "law", "void", "invalid", "unenforceable"),
        r"\byou (?:should|must|can|could) (?:\w+ )?(?:sue|file a (?:lawsuit|claim)|take (?:them|him|her|it|us|\w+ \w+) to court|press charges)\b"
        r"|\byou have (?:a )?(?:strong |good |clear |valid )?(?:legal )?(?:case|claim) against\b|\byou are legally (?:entitled|obliged|required|liable|allowed)"
        r"|\b(?:under|by) (?:\w+ ){0,3}?law,? you\b|\bcontract is (?:void|invalid|unenforceable)\b|\byou will win (?:the|your|this) (?:case|lawsuit)\b",
    ),
    ClaimRule(
        "legal_advice",
        ("verklagen", "klage", "anzeige", "rechtsanspruch", "anspruch", "rechtlich", "vertrag", "klagen"),
        rf"\bsie (?:sollten|konnen|mussen) {_MORE}(?:verklagen|klagen|klage einreichen|anzeige erstatten)\b|\bsie haben {_FEW}(?:rechts)?anspruch auf\b"
        r"|\brechtlich (?:gesehen )?(?:sind|haben|konnen|durfen) sie\b|\bvertrag ist (?:nichtig|unwirksam|ungultig)\b",
    ),
    ClaimRule(
        "medical_advice",
        ("mg", "milligrams", "tablet", "tablets", "pill", "pills", "dose", "dosage", "medication", "medicine", "ibuprofen", "paracetamol",
         "aspirin", "antibiotics", "antibiotic", "insulin", "cancer", "diabetes", "depression", "infection", "pneumonia", "flu", "migraine", "cure", "doctor"),
        rf"\byou (?:should|must|can|need to|could) (?:\w+ )?(?:take|stop|stop taking|increase|reduce|double|skip) {_MORE}{_MEDICINE}\b"
        r"|\byou (?:probably |likely |clearly |definitely )?(?:have|are suffering from) (?:\w+ ){0,2}?(?:cancer|diabetes|depression|infection|pneumonia|flu|migraine)\b"
        r"|\b(?:will|can) cure (?:your|you)\b|\bno need to (?:see|visit|consult) (?:a |your )?doctor\b",
    ),
    ClaimRule(
        "medical_advice",
        ("tablette", "tabletten", "mg", "dosis", "medikament", "medikamente", "ibuprofen", "paracetamol", "aspirin", "antibiotika", "antibiotikum",
         "insulin", "krebs", "diabetes", "depression", "depressionen", "infektion", "grippe", "migrane", "heilt"),
        rf"\bsie (?:sollten|mussen|konnen) {_MORE}{_MEDIZIN} {_FEW}(?:nehmen|einnehmen|absetzen|erhohen|verdoppeln|weglassen)\b"
        rf"|\bnehmen sie {_MORE}{_MEDIZIN}\b|\bsie (?:haben|leiden an|leiden unter) {_FEW}(?:krebs|diabetes|depression|depressionen|infektion|grippe|migrane)\b"
        r"|\bheilt (?:ihre|ihren|ihr)\b",
    ),
    ClaimRule(
        "financial_advice",
        ("stock", "stocks", "share", "shares", "bitcoin", "crypto", "etf", "etfs", "bonds", "fund", "funds", "gold", "returns", "return", "profit",
         "profits", "investment"),
        rf"\byou should (?:\w+ )?(?:buy|sell|invest in|short|hold|put your money in(?:to)?) {_MORE}{_ASSET}\b|\b(?:guaranteed|risk[- ]free) (?:returns?|profits?|investment)\b"
        rf"|\b(?:returns?|profits?) (?:is|are) guaranteed\b|\b{_ASSET} (?:will|is going to|are going to) (?:\w+ )?(?:rise|double|go up|increase|triple)\b",
    ),
    ClaimRule(
        "financial_advice",
        ("aktie", "aktien", "bitcoin", "krypto", "etf", "etfs", "anleihen", "fonds", "gold", "rendite", "gewinn", "gewinne", "anlage"),
        rf"\bsie sollten {_MORE}{_ANLAGE} {_FEW}(?:kaufen|verkaufen|investieren|halten)\b|\b(?:garantierte|risikolose|sichere) (?:rendite|gewinne?|anlage)\b"
        rf"|\b{_ANLAGE} (?:wird|werden) {_FEW}(?:steigen|sich verdoppeln)\b",
    ),
)  # fmt: skip
