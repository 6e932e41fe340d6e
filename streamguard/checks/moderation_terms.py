"""Words and phrases by severity, in folded form. A first list: short, and only what has one meaning.

Grade 3 has no place in any answer (a call to harm, a recipe for mass harm). Grade 2 is abuse of a person or a group. Grade 1
is coarse language. Words that are abuse in one sentence and a subject in the next stay out.
"""

from typing import Literal

Grade = Literal[1, 2, 3]

TERMS: dict[Grade, tuple[str, ...]] = {
    3: (
        "go kill yourself",
        "just kill yourself",
        "you should kill yourself",
        "you should end your life",
        "kys",
        "bring dich um",
        "i will kill you",
        "i'm going to kill you",
        "i will find you and kill",
        "ich bringe dich um",
        "gas the jews",
        "heil hitler",
        "sieg heil",
        "death to all jews",
        "death to all muslims",
        "kill all jews",
        "kill all muslims",
        "exterminate the jews",
        "steps to build a pipe bomb",
        "here is how to build a bomb",
        "here's how to build a bomb",
        "here is how to make a bomb",
        "here's how to make a bomb",
        "here is how to make sarin",
        "here is how to make ricin",
        "here is how to synthesize methamphetamine",
        "sexual content involving a minor",
        "child porn for sale",
    ),
    2: (
        "you are worthless",
        "you are pathetic",
        "you stupid bitch",
        "fuck you",
        "fuck off",
        "piece of shit",
        "nobody would miss you",
        "subhuman",
        "untermensch",
        "du bist wertlos",
        "halt die fresse",
        "fick dich",
        "hurensohn",
        "va te faire foutre",
        "hijo de puta",
        "motherfucker",
    ),
    1: ("fuck", "fucking", "shit", "bullshit", "asshole", "bitch", "bastard", "scheisse", "arschloch", "putain", "mierda"),
}  # fmt: skip
