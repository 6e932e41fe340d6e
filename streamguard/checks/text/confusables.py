"""Letters and digits of other alphabets that are drawn like Latin ones.

Two tables, of different strength:

- `FOLDED` goes as far as it can: whatever a reader may take for a Latin letter. Texts are folded with it for matching only.
- `TWINS` holds those alone that cannot be told from the Latin letter in common typefaces. They tell a disguised word
  (`pаypаl` with Cyrillic `а`) from one that honestly mixes scripts (`10kΩ`, `β-carotene`).

Chosen by hand after Unicode's security table (UTS #39, confusables.txt), with small capitals, IPA and turned letters, which that
table leaves out. What has a compatibility decomposition (full-width, mathematical, circled, parenthesised) needs no line here.
"""

from streamguard.checks.text.matching import translation

_TWINS = {
    "a": "аᴀ", "c": "сϲᴄ", "d": "ԁ", "e": "еҽ", "f": "ϝ", "g": "ɡց", "h": "һհ", "i": "іɩ", "j": "јϳ", "k": "ᴋ", "l": "ӏǀ",
    "n": "ոռ", "o": "оοօᴏ", "p": "рρ", "q": "ԛզ", "r": "ᴦ", "s": "ѕꜱ", "u": "սᴜ", "v": "νѵᴠ", "w": "ԝѡᴡ",
    "x": "х", "y": "уүγ", "z": "ᴢ",
    "A": "АΑᎪ", "B": "ВΒᏴ", "C": "СϹᏟⅭ", "D": "Ꭰ", "E": "ЕΕᎬ", "F": "Ϝ", "G": "ԌᏀ", "H": "НΗᎻ", "I": "ІΙӀ", "J": "ЈͿᎫ",
    "K": "КΚᏦ", "L": "Ꮮ", "M": "МΜᎷϺ", "N": "Ν", "O": "ОΟՕᎾ", "P": "РΡᏢ", "R": "Ꭱ", "S": "ЅՏᏚ", "T": "ТΤᎢ", "U": "ՍႮ", "V": "ᏙѴ",
    "W": "ᎳԜ", "X": "ХΧ", "Y": "ҮΥ", "Z": "ΖᏃ",
}  # fmt: skip

_LOOKALIKES = {
    "a": "αɑɐꭺд", "b": "ьвƅɓʙƀɃᏏбβ", "c": "ɔɕꮯƈ¢", "d": "ɗɖᴅđժꮷ", "e": "єεɛɘəǝɜҿᴇɇэ", "f": "ꜰƒɟք", "g": "ԍɢǥɠƃԳ", "h": "нʜɥħɦ",
    "i": "ιıɪᎥᴉɨꭵ", "j": "ᴊɾʝ", "k": "кκʞҝƙ", "l": "ⅼʟɭɫɬłʅⵏ", "m": "мᴍɱɯ", "n": "ɴηпɲɳŋՌи", "o": "σøɵөםסоθ໐๐", "p": "ᴘþ",
    "q": "ɋգ", "r": "гʀɹɼꭇɍʁя", "s": "ʂꞅֆ", "t": "тτᴛʇŧƭʈ", "u": "υʊцμ", "v": "ʌט", "w": "шωʍщա", "x": "χҳӿ", "y": "ʏʎчɏ",
    "z": "ʐʑʒȥƶ", "oe": "œɶ", "ae": "æᴁ",
    "'": "‘’ʼ`´ʹ′", '"': "“”„«»″", "-": "‐‑‒–—−―", "/": "⁄∕", ".": "․。", ":": "∶꞉", "0": "߀୦", "3": "ЗзӠƷ",
    "4": "Ꮞ", "6": "Ꮾ", "8": "Ȣ",
}  # fmt: skip

_NEGATIVE = {  # white letters on black, and the letters that make flags: emoji without a decomposition
    first + place: chr(ord("a") + place)
    for first in (0x1F150, 0x1F170, 0x1F1E6)
    for place in range(26)
}  # fmt: skip


def _folded() -> dict[int, str]:
    """The loose table. Of two Latin letters that claim a character the first keeps it; the other case of a letter is drawn
    like the same Latin one unless it has a line of its own."""
    table: dict[int, str] = {}
    lines = [
        (written, character)
        for groups in (_TWINS, _LOOKALIKES)
        for written, drawn in groups.items()
        for character in drawn
    ]
    for written, character in lines:
        table.setdefault(ord(character), written.lower())
    for written, character in lines:
        for other in (character.lower(), character.upper()):
            if len(other) == 1 and not other.isascii():
                table.setdefault(ord(other), written.lower())
    return _NEGATIVE | {code: written for code, written in table.items() if code > _ASCII}


_ASCII = 0x7F
FOLDED: dict[int, str] = _folded()
"""For `str.translate` of decomposed (NFKD) text, in whatever case."""

TWINS: dict[int, str] = translation(_TWINS)
"""For single letters, in the case they are written in."""

LETTERS: dict[int, str] = _NEGATIVE
"""Emoji that are letters, each with the plain one."""
