"""What the simulated models say: support-like, repeatable, and with the placeholders of the question in it."""

import re
from random import Random

_PLACEHOLDER = re.compile(r"(?:\[|<|\{\{?|⟦)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_\d+(?:\]|>|\}\}?|⟧)")
_MOST_PLACEHOLDERS = 8

_TOPICS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("refund", "money back", "charged", "charge", "invoice", "bill", "payment"),
        (
            "We looked at the charge and can see the payment in question.",
            "A refund goes back to the way you paid and takes three to five working days.",
            "You will find the corrected invoice in your account under Billing.",
        ),
    ),
    (
        ("password", "login", "log in", "sign in", "account", "locked"),
        (
            "The account is active, so a new password is all it takes.",
            "Choose Forgot password on the sign-in page and follow the link within an hour.",
            "If a second factor is set up, keep the device at hand.",
        ),
    ),
    (
        ("order", "delivery", "deliver", "package", "parcel", "shipping", "arrive", "tracking"),
        (
            "The parcel has left our warehouse and is with the carrier.",
            "Deliveries usually arrive within two working days after that.",
            "If it has not come by then, we send a new one without cost.",
        ),
    ),
    (
        ("error", "crash", "bug", "broken", "does not work", "doesn't work", "fails"),
        (
            "We could see the same error and have passed it on to our engineers.",
            "Updating to the latest version and starting again helps in most cases.",
            "If it comes back, the time at which it happened helps us to find the cause.",
        ),
    ),
    (
        ("cancel", "subscription", "plan", "upgrade", "downgrade"),
        (
            "The plan can be changed or cancelled at any time under Settings.",
            "A change takes effect with the next billing period.",
            "Everything that you have stored stays available until then.",
        ),
    ),
)
_ANYTHING = (
    "We have read your message with care.",
    "A colleague who knows this field will look at the details.",
    "You can follow each step in the help centre under My requests.",
)
_GREETINGS = ("Thank you for your message.", "Thanks for getting in touch.", "Hello, and thank you for writing to us.")
_CLOSINGS = (
    "Is there anything else we can do?",
    "Just reply to this message if a question is left.",
    "We are glad to help further at any time.",
)


def placeholders(text: str) -> list[str]:
    """Stand-ins such as `[EMAIL_1]` in a text, each once, in their order."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))[:_MOST_PLACEHOLDERS]


def answer(question: str, dice: Random) -> str:
    """An answer to a question. The same question and dice give the same one."""
    lowered = question.lower()
    sentences = next((said for words, said in _TOPICS if any(word in lowered for word in words)), _ANYTHING)
    parts = [dice.choice(_GREETINGS), *dice.sample(sentences, k=dice.randint(2, len(sentences)))]
    if found := placeholders(question):
        parts.append(f"For this we use {' and '.join(found)} as you gave it.")
    parts.append(dice.choice(_CLOSINGS))
    return " ".join(parts)


def leaking(text: str, system: str) -> str:
    """The answer, with the system prompt in it."""
    return f"{text} My instructions are: {system}" if system else text


def with_personal_data(text: str, dice: Random) -> str:
    """The answer, with an address and a number that nobody has: a reserved domain, a fictional range."""
    name = dice.choice(("ada.miller", "jon.weber", "mia.rossi", "leo.martin"))
    number = dice.randint(10, 99)
    return f"{text} You may also write to {name}{number}@mailbox.example or call +1 202-555-01{number}."
