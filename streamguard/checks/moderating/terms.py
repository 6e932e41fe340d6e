"""Words and phrases by category and severity.

They are matched in folded form (lower case, no accents) between word boundaries. Grade 3 has no place in any answer, grade 2 is
abuse or explicit, grade 1 is coarse or borders on it. Only what has one meaning stands here: a word that is abuse in one
sentence and a subject in the next (suicide, bomb, rape) is a matter for `moderation_rules`, or for nobody who sees words only.
English and German are covered best; French, Spanish, Italian and Portuguese with the commonest.
"""

from streamguard.checks.moderating.scores import Category, Grade

TERMS: dict[Category, dict[Grade, tuple[str, ...]]] = {
    "profanity": {
        2: (
            "motherfucker", "motherfuckers", "motherfucking", "cunt", "cunts", "cocksucker", "cocksuckers", "fucktard", "shithead",
            "dickhead", "dickheads", "dipshit", "clusterfuck", "fotze", "fotzen", "wichser", "hurensohn", "huso", "arschficker",
            "enculé", "connard", "connasse", "salope", "hijo de puta", "hijos de puta", "cabrón", "gilipollas", "pendejo",
            "figlio di puttana", "testa di cazzo", "stronzo", "filho da puta", "caralho", "arrombado",
        ),
        1: (
            "fuck", "fucks", "fucked", "fucking", "fucker", "fuckin", "wtf", "shit", "shitty", "bullshit", "asshole", "assholes",
            "arsehole", "bitch", "bitches", "bastard", "bastards", "douchebag", "jackass", "wanker", "bollocks", "prick",
            "scheiße", "scheiss", "scheißdreck", "beschissen", "verfickt", "verfickte", "arschloch", "arschlöcher", "verdammte scheiße",
            "drecksack", "mistkerl", "putain", "merde", "bordel de merde", "mierda", "joder", "coño", "cazzo", "merda", "porra",
        ),
    },
    "harassment": {
        3: (
            "i hope you die", "hope you die", "you deserve to die", "you should never have been born",
            "the world would be better without you", "the world would be better off without you",
            "everyone would be better off without you", "nobody would miss you if you died", "no one would miss you if you died",
            "you are a waste of oxygen", "you're a waste of oxygen", "ich hoffe du stirbst", "hoffentlich stirbst du",
            "du verdienst es zu sterben", "ohne dich wäre die welt besser", "ojalá te mueras", "j'espère que tu vas mourir",
        ),
        2: (
            "fuck you", "fuck off", "fuck yourself", "screw you bitch", "piece of shit", "you stupid bitch", "you dumb bitch",
            "you whore", "you slut", "you cunt", "nobody would miss you", "no one would miss you", "nobody loves you",
            "you are trash", "you're trash", "you are garbage", "you're garbage", "you filthy pig", "you fat pig", "eat shit",
            "fick dich", "fickt euch", "verpiss dich", "halt die fresse", "halts maul", "halt's maul", "halt dein maul",
            "du hurensohn", "du missgeburt", "du schlampe", "du hure", "du bist wertlos", "du bist abschaum", "du stück scheiße",
            "du wertloses stück", "niemand würde dich vermissen", "du ekelhafte", "drecksau",
            "va te faire foutre", "nique ta mère", "fils de pute", "ta gueule", "espèce de salope", "sale pute",
            "vete a la mierda", "que te jodan", "eres una mierda", "eres basura", "puta de mierda",
            "vaffanculo", "sei una merda", "sei spazzatura", "vai tomar no cu", "vai se foder", "você é um lixo",
        ),
        1: (
            "you idiot", "you moron", "you imbecile", "you loser", "you are an idiot", "you're an idiot", "you are a moron",
            "you're a moron", "you are a loser", "you're a loser", "shut the hell up", "du idiot", "du depp", "du vollidiot",
            "du trottel", "du spast", "du opfer", "halt die klappe", "halt die schnauze", "espèce d'idiot", "espèce de con",
            "eres un idiota", "eres idiota", "cállate la boca", "sei un idiota", "sei un cretino", "stai zitto idiota",
            "você é um idiota", "cala a boca",
        ),
    },
    "harassment/threatening": {
        3: (
            "i will find you and kill", "i will find you and hurt", "i know where you live and i will", "you are a dead man",
            "you're a dead man", "watch your back or you will die", "ich bringe dich um", "ich bring dich um", "ich töte dich",
            "ich werde dich töten", "ich werde dich umbringen", "ich stech dich ab", "ich steche dich ab", "ich schlag dich tot",
            "ich mach dich kalt", "ich weiß wo du wohnst", "ich weiß wo dein haus wohnt", "je vais te tuer", "je vais te crever",
            "te voy a matar", "voy a matarte", "ti ammazzo", "ti ucciderò", "vou te matar", "vou matar você",
            "go kill yourself", "just kill yourself", "please kill yourself", "you should kill yourself", "you should end your life",
            "kys", "go hang yourself", "drink bleach and die", "bring dich um", "bring dich doch um", "häng dich auf",
            "erhäng dich", "geh sterben", "spring von der brücke", "va te suicider", "suicide-toi", "mátate ya", "ammazzati",
        ),
    },
    "hate": {
        3: (
            "heil hitler", "sieg heil", "hitler was right", "hitler did nothing wrong", "hitler hatte recht",
            "juda verrecke", "jews will not replace us", "race traitors must",
        ),
        2: (
            "nigger", "niggers", "sand nigger", "faggot", "faggots", "kike", "kikes", "raghead", "ragheads", "towelhead",
            "towelheads", "wetback", "wetbacks", "tranny", "trannies", "shemale", "subhuman", "subhumans", "white power",
            "untermensch", "untermenschen", "judensau", "saujude", "kanake", "kanaken", "kanakenpack", "scheißausländer",
            "drecksausländer", "zigeunerpack", "schwuchtel", "schwuchteln", "kameltreiber", "ausländer raus", "türken raus",
            "bougnoule", "bougnoules", "sale arabe", "sale juif", "sale nègre", "pédale", "negro de mierda", "moro de mierda",
            "sudaca", "sudacas", "maricón", "maricones", "negro di merda", "sporco ebreo", "frocio", "froci", "preto imundo",
            "macaco imundo", "viado",
        ),
    },
    "hate/threatening": {
        3: (
            "gas the jews", "death to all jews", "death to jews", "death to all muslims", "death to muslims",
            "juden ins gas", "ab ins gas", "türken ins gas", "tod den juden", "tod allen juden", "tod allen muslimen",
            "mort aux juifs", "mort aux arabes", "muerte a los judíos", "morte agli ebrei", "morte aos judeus",
        ),
    },
    "sexual": {
        2: (
            "blowjob", "blowjobs", "handjob", "handjobs", "cumshot", "cumshots", "deepthroat", "gangbang", "dick pic", "dick pics",
            "hardcore porn", "sex slave", "suck my dick", "suck my cock", "horny slut", "fick mich", "lutsch meinen schwanz",
            "blas mir einen", "geile schlampe", "suce ma bite", "baise-moi", "chúpame la polla", "succhiami il cazzo",
            "chupa meu pau",
        ),
        1: ("porn", "porno", "pornhub", "hentai", "xxx", "horny", "send nudes", "sexting", "milf"),
    },
    "sexual/minors": {
        3: (
            "child porn for sale", "child porn links", "child porn download", "underage nudes", "preteen nudes", "kiddie porn",
            "preteen porn", "nude preteens", "kinderpornos", "sexy preteen", "sexy kids pics",
        ),
        2: ("lolicon", "shotacon", "jailbait", "toddlercon"),
    },
    "self-harm": {
        2: (
            "i cut myself on purpose", "i keep cutting myself", "i hurt myself on purpose", "cutting feels good", "thinspo",
            "pro ana tips", "ich ritze mich", "je me scarifie", "me corto los brazos",
        ),
    },
    "self-harm/intent": {
        3: (
            "i am suicidal", "i'm suicidal", "i feel suicidal", "my suicide note", "i don't want to live anymore",
            "i dont want to live anymore", "i don't want to be alive", "i no longer want to live", "i have no reason to live",
            "ich will nicht mehr leben", "ich möchte nicht mehr leben", "ich kann nicht mehr leben", "ich bringe mich um",
            "ich will mich umbringen", "ich bin suizidal", "je veux mourir", "je veux me tuer", "je veux me suicider",
            "je veux en finir", "quiero morir", "quiero morirme", "quiero matarme", "quiero suicidarme", "quiero quitarme la vida",
            "voglio morire", "voglio uccidermi", "voglio suicidarmi", "voglio farla finita", "quero morrer", "quero me matar",
        ),
    },
    "illicit": {
        2: ("cvv dumps", "fullz", "carding tutorial", "stolen credit card numbers", "cloned cards", "fake id for sale"),
    },
}  # fmt: skip
