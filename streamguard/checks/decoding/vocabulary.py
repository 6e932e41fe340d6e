"""Frequent words, to tell text that someone can read from letters that only look like it.

A thousand cover more than half of the running words of an English text; random letters, names, ids and code reach next to
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
easily fox dog cat lazy brown jumps secret accept access add age ago agree air allow almost along already anyway apply area
arm army art article attention author baby base beautiful beginning behind body born box boy break brother build building
burn busy car care career carry catch cause center central century certain chance check choose church class clean clear
clearly club college color common community compare complete condition consider contain control cook copy correct course
court cover create culture current cut daily dark date daughter dead deal death decide decision deep degree describe design
develop development die difference difficult direction discover discuss disease doctor door draw dream dress drive drop easy
economic economy education effect effort either else end energy enjoy entire environment especially example exist expect
experience explain fall fast father favorite fear field fight figure fill film final finally fine finger finish fire fish
fit fix floor fly force foreign forward friends front fun future game games garden general girl glass global goal god gold
ground grow guess gun guy hair happy hard health heart heat heavy history hit hold hope horse hospital hotel human husband
image imagine improve include income increase india indian indians industry information inside interest interested
interesting interview investment involve island issue join king kind kitchen knowledge lack lady land language law lawyer
lead leader legal level lie light likely listen local lot machine main major manage manager mark market marriage marry
material matter mean means media medical medicine meaning memory mention method middle mind miss modern moment mother mouth
movie movies music nation national natural nature nearly necessary news nice non normal north note notice offer oil opinion
opportunity option original others outside owner pain paper parent parents park particular party pass past patient pattern
peace perfect period photo physical pick picture plan plant player popular population position power practice prepare
present president press pretty private probably process produce professional project protect prove provide public pull
purpose push quality quite quora race radio rate reach reality realize recent recently record reduce region relationship
remember remove require research resource result rich ride rise risk road rock room safe save science scientist sea season
seat second section security sense series serious serve shoot shop shot side sign similar simple simply single sister
situation size skill skills skin social society son song sort sound source south space special specific spend sport spring
staff star statement station step store street strong structure study stuff style subject success successful sugar suggest
sun surface tax teach technology television term text theory throw thus tip tips top total touch tough toward town trade
traditional train travel treat treatment tree trip trouble trust truth type understand unit university usually value various
video view visit voice vote wall war watch wear weather weight west whatever whether whole wide wife win wind window wish
within wonder wood worker worst worth writer yet apple bird blood brain bus cake camera chicken clothes coffee cup eggs
engine engineering exam fruit girlfriend boyfriend google facebook instagram iphone android laptop loan milk password pizza
rice salt sex shoes software summarize tea translate tv whatsapp youtube draft editor greet joke poem recipe recommend reset
sentence spell summary tool unlock weekend
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
