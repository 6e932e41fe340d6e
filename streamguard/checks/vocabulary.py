"""Frequent words, to tell text that someone can read from letters that only look like it.

A few hundred cover more than half of the running words of an English text; random letters, names, ids and code reach next to
none. Beside them stand the words that orders to a model are made of.
"""

_ENGLISH = """
a an the and or but if so not no yes of to in on at by for from with without into onto over under about after before between
through during until against among above below up down out off is am are was were be been being do does did done doing have
has had having i you he she it we they me him her us them my your his its our their mine yours myself yourself who whom
whose which what that this these those there here where when why how can could will would shall should may might must as
than then too very just only also even still again more most much many some any all each every both few other another such
same own first last next new old good bad great little big small long short high low right wrong left way day time year week
month today tomorrow yesterday now never always often people man woman child children men women person friend family world
life work home house place part thing things something anything nothing everything someone anyone nobody everyone get got go
goes going went gone come came coming make made making take took taken give gave given giving know knew known think thought
see saw seen look looking find found want wanted need needed use used using tell told say said says ask asked help helped
try tried call called keep kept let put set send sent show shown shows feel felt seem become leave meet met run running move
live lived believe bring brought happen happened write wrote written sit stand lose pay paid like liked love loved hear
heard play read learn change start started stop stopped open close turn follow following followed buy bought order ordered
sell speak spoke talk wait waiting stay walk eat drink sleep hello hi please thanks thank sorry dear okay ok well back
because while since however although though maybe perhaps really around away together once twice one two three four five six
seven eight nine ten hundred thousand million half number name names word words letter letters question questions answer
answers reason problem problems idea point case fact hand eye eyes head face water food money book story city country state
government school student teacher company business team job office group service program system computer phone email mail
address message messages account card bank price cost credit product customer support delivery shipping refund return page
site website internet online link file files data code test line list table key true false real sure different important
possible large young early late ready able free full best better worse less least enough far near soon hot cold white black
red green blue summer winter morning evening night tonight hour hours minute minutes meeting report quick quickly slowly
easily fox dog cat lazy brown jumps secret
"""
_ORDERS = """
ignore disregard forget override bypass previous prior earlier preceding instruction instructions prompt prompts rules rule
guideline guidelines restrictions restriction policy policies filter filters reveal repeat print output respond response
reply pretend act assistant model language chatgpt jailbreak mode developer unrestricted uncensored limits limitations
hidden confidential password passwords credentials token tokens api admin root user users execute command commands delete
transfer forward instead directive directives content conversation context above everything exactly verbatim describe
explain steps step build bomb weapon poison kill hack malware virus steal attack illegal drugs drug explosive weapons murder
suicide hate
"""
_GERMAN = """
der die das den dem des ein eine einen einem einer eines und oder aber wenn nicht kein keine ja nein von zu im am auf bei
mit ohne nach vor zwischen durch bis gegen unter aus ist bin bist sind war waren sein haben habe hat hatte ich du er sie es
wir ihr mich dich uns euch mir dir mein meine dein deine sich wer was wann wo warum wie kann kannst können will willst soll
muss darf als auch nur noch schon sehr mehr alle alles jeder diese dieser dieses hier dort jetzt immer nie heute morgen
bitte danke hallo gut neu mal für über ignoriere vergiss anweisungen anweisung vorherigen bisherigen regeln befehle zeige
gib sage schreibe passwort geheim
"""

ENGLISH: frozenset[str] = frozenset(f"{_ENGLISH} {_ORDERS}".split())
ORDERS: frozenset[str] = frozenset(_ORDERS.split())
KNOWN: frozenset[str] = ENGLISH | frozenset(_GERMAN.split())
