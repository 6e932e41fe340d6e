"""Words that tell of thinking, in families: all words of a family, in whatever language, say the same and count once.

Stems, parted by `|`. A stem stands at a word's start and may go on (`compar` finds `comparison`); `.` at its end wants the
word to end there. A `*` lets it also begin inside a word (German compounds); scripts beyond Greek and Cyrillic are always
searched inside, since many of them put no space between words. Case and accents are folded on both sides.
"""

DEEP: dict[str, str] = {
    "prove": (
        "prove.|proves|proving|theorem|lemma|démontr|demuestr|demostra|dimostr|demonstre|докаж|доказ|teorem|udowodn|"
        "dowód|bewijs|kanıtla|ispatla|证明|證明|証明|定理|증명|أثبت|اثبات|برهن|सिद्ध|proof that|proof by|proof of the|"
        "proofs|beweise |beweis |beweisen|prouve|prove que"
    ),
    "derive": (
        "derive|derivation|deduce|closed form|herleit|herzuleiten|leite die|leite den|leite daraus|dérivez|déduis|"
        "deriva |deduc|derivar|ricava|вывед|вывод форм|wyprowad|afleid|türet|推导|推導|導出|유도|استنتج|اشتق"
    ),
    "formal": (
        "induct|induktion|récurrence|invariant|axiom|linearizab|linearisierbar|np-|asymptot|recurrence|converg|"
        "counterexample|counter-example|gegenbeispiel|contre-exemple|contraejemplo|infinitely many|if and only if|"
        "equilibrium|gleichgewicht|generali|verallgemeiner|обобщ|индукц|归纳|帰納|充要|귀납|مبرهن|indução|induzione|"
        "inducción|posterior|bayes|necessary and sufficient|show that|zeige, dass|zeigen sie|uncountable|"
        "irrational number|soundness|correctness|*korrektheit|correttezza|poprawność|corrección|正确性|正当性"
    ),
    "algorithm": (
        "algorithm|*algorithm|algoritm|алгоритм|algorytm|算法|演算法|アルゴリズム|알고리즘|خوارزم|data structure|"
        "datenstruktur|b-tree|red-black|hash map|dynamic programming|complexity|*komplexität|complexité|complejidad|"
        "complessità|complexidade|сложност|计算量|計算量|複雑度|复杂度|복잡도|integer program|linear program|np-hard|"
        "np-complete|running time|laufzeit|order of growth|big-o|o(1)|o(n"
    ),
    "design": (
        "design the |design our |architect|*architektur|архитектур|entwirf|entwerf|konzipier|concev|conçois|diseña|"
        "progetta|projete a|projeta|спроектир|zaprojekt|ontwerp|tasarla|设计|設計|设計|설계|صمم|تصميم|アーキテクチャ|"
        "entwickle|développe|desarrolla|sviluppa|разработ|opracuj|개발|design a|develop a model|develop a strategy|"
        "develop a three|develop an"
    ),
    "distributed": (
        "distribut|распределён|распределен|分布式|分散|분산|موزع|consensus|konsens|консенсус|shard|fault-toleran|"
        "byzanti|byzantin|exactly once|exactly-once|genau einmal|恰好一次|replicat|replikat|throughput|durchsatz|"
        "пропускн|latency|latenz|latence|latencia|latência|latenza|задержк|bottleneck|engpass|scalab|skalier|"
        "netzteilung|network partition|网络分区|一致性|per second|por segundo|fail over|failover|failure mode|"
        "modos de fall|modos de falh|modes de défaillance|single point|consistency|konsistenz|high availability|"
        "hochverfügbar|load balanc|verteiltes|verteilte "
    ),
    "concurrency": (
        "race condition|deadlock|thread-safe|thread safe|threadsicher|concurren|nebenläufig|mutex|lock-free|semaphore|"
        "并发|並行|동시성|aba problem|memory model|transaction isolation"
    ),
    "tradeoff": (
        "trade-off|tradeoff|trade off|*kompromiss|compromis|compromess|compromisso|компромисс|abwäg|wäge |gewichte |"
        "weigh |权衡|權衡|取舍|トレードオフ|트레이드오프|مفاضل|المفاضلات|kompromis|afweging"
    ),
    "optimise": (
        "optimis|optimiz|optimier|optimer|оптимиз|zoptymal|minimise|minimize|maximise|maximize|minimier|最优|優化|优化|"
        "最適|최적|حسّن|optimal "
    ),
    "diagnose": (
        "debug|diagnose|diagnostiz|root cause|*fehlerursache|memory leak|утечк|segfault|stack trace|hypothes|"
        "*hypothese|hipótesis|hipótese|ipotesi|гипотез|hypothèse|rule out|ausschließ|调试|排查|デバッグ|디버그|"
        "find the bug|finde den fehler|possible root|what evidence"
    ),
    "rework": (
        "refactor|refaktor|рефактор|migrat|*migration|重构|リファクタ|리팩터|port this|rewrite this module|roll back|"
        "rollback"
    ),
    "critique": (
        "critically|criticis|criticiz|kritisch|critique|critiquez|crítica|refute|widerleg|réfut|refuta|опроверг|"
        "counterargument|*gegenargument|fallac|contradict|*widersprüch|contradicc|reconcile|assumption|annahmen|"
        "supuest|strongest argument|steelman|批判|反驳|反駁|arguments of both|argue its|limitations of|premise|"
        "prämisse|objection|einwand|robustness|*robustheit|robustesse"
    ),
    "statistics": (
        "confound|causal|kausal|causalit|correlation|korrelation|correlaz|причинно|confidence interval|konfidenz|"
        "sample size|stichprobe|hazard ratio|regression|survivorship|statistical power|prevalence|monte carlo|"
        "time series|econometr|因果|相关性|인과|sensitivity analysis|statistically significant|bayesian"
    ),
    "mathematics": (
        "eigenv|eigenwert|differential equation|*differentialgleichung|lagrange|polynom|matrix|matrices|manifold|euler|"
        "fourier|markov|stochast|gradient|équation|ecuación|уравнен|方程|微分|积分|適分|미분|적분|combinator|integrals|"
        "integrate|integer solutions|prime numbers|infinitely|recursi"
    ),
    "stepwise": (
        "step by step|step-by-step|schritt für schritt|étape par étape|pas à pas|paso a paso|passo passo|passo a passo|"
        "шаг за шагом|пошагов|krok po kroku|stap voor stap|adım adım|逐步|一步一步|段階的|ステップ|단계별|خطوة بخطوة|"
        "reason through|work through|work out.|one by one|think carefully|denke gründlich|chain of thought"
    ),
    "strategy": (
        "strateg|*strategie|стратег|战略|策略|戦略|전략|roadmap|scenario|*szenari|escenario|сценари|prioriti|"
        "priorisier|priorité|dependencies|abhängigkeit|feasib|machbar|markteintritt|market entry|game-theor|spieltheor|"
        "game theory|year plan|jahresplan|business case|stakeholder|conflicting|widersprüchlich|contraintes|ograniczeni"
    ),
    "justify": (
        "justif|begründe|begründung|обосн|uzasadn|giustific|motivar|理由を|论证|論証|論證|정당|برر|verantwoord|gerekçe|"
        "defend your|which you would|and why this"
    ),
    "analyse": (
        "analys|analyz|*analyse|analiz|analis|анализ|przeanaliz|分析|분석|حلل|تحليل|evaluat|bewerte|évalue|evalúa|"
        "valuta |оцен|assess|beurteil|評価|评估|評估|평가|examine|investigat|untersuch|audit|检讨|検討|interpret|"
        "methodolog"
    ),
    "profession": (
        "liabil|haftung|jurisdiction|klausel|clausul|arbitrage|portfolio|hedg|derivative|valuation|contraindicat|"
        "kontraindik|adjust doses|regimen|comorbid|differential diagnosis|gdpr|dsgvo|statute|precedent|geldpolitik|"
        "monetary policy|inflation"
    ),
    "engineering": (
        "implement|compiler|parser|interpreter|kernel|query plan|property test|unit tests|microservice|monolith|"
        "monolit|kubernetes|terraform|cryptograph|vulnerab|exploit|reentrancy|backpressure|rate limiter|protocole|"
        "протокол|real time|tempo real|echtzeit|实时|リアルタイム|write a compiler|type checker|query optimi"
    ),
}
"""Families that tell of hard work: steps that build on each other, conditions that hold together."""

THINK: dict[str, str] = {
    "explain": (
        "explain|explanation|erklär|erläuter|expliqu|explica|spiega|explique|объясн|wyjaśn|wytłumacz|leg uit|uitleg|"
        "açıkla|解释|解釋|説明|설명|اشرح|शرح|समझा|clarify|walk me through|elaborate|tell me about how|illustrat"
    ),
    "why": (
        "why|warum|wieso|weshalb|pourquoi|por qué|por que|perché|почему|зачем|dlaczego|waarom|neden|niçin|为什么|"
        "為什麼|なぜ|どうして|왜 |لماذا|reason for|causes|ursache|причин|原因|might it be|what could"
    ),
    "compare": (
        "compar|*vergleich|vergleiche|сравн|porówn|vergelijk|karşılaştır|比较|比較|비교|قارن|versus|vs.|difference|"
        "*unterschied|différence|diferencia|differenz|diferença|чем отлич|разниц|różnic|verschil|fark|区别|區別|違い|"
        "차이|الفرق|suits|which one|which is better|better than|confront|differs|differ from|differs from"
    ),
    "prosandcons": (
        "pros and cons|advantages|disadvantages|vorteile|nachteile|vor- und nach|avantage|inconvénient|ventaja|"
        "desventaja|vantagg|vantage|преимуществ|недостат|zalety|wady|voordel|avantaj|优缺点|優缺點|優点|利点|長所|"
        "장단점|مزايا|عيوب|arguments for|for and against|arguments against|benefits and"
    ),
    "summarise": (
        "summar|zusammenfass|fasse |résum|resum|riassum|кратко излож|резюм|streszcz|podsum|samenvat|özetle|总结|總結|"
        "概括|要約|まとめ|요약|لخص|main points|key points|in bullet points|main arguments"
    ),
    "write": (
        "write a |write an |write me|write the|draft|compose|rewrite|reword|paraphrase|schreib|verfass|formulier|"
        "umformul|rédige|écris|redacta|escribe|escreva|redija|scrivi|напиши|составь|napisz|schrijf|yaz |写一|寫一|撰写|"
        "書いて|作成して|써 |써줘|작성|اكتب|cover letter|e-mail to|an article|an essay|blog post|product description|"
        "job advert|words.|worte|lettera|carta de|求职信|写封|写信|reply to a customer|paragraph|thank-you note|"
        "invitation|einladung|invitación"
    ),
    "recommend": (
        "recommend|suggest|advise|advice|empfiehl|*empfehl|rate mir|recommand|conseil|recomend|aconsej|consigli|"
        "посовет|рекоменд|polec|doradź|aanbevel|advies|öner|推荐|推薦|建议|建議|おすすめ|提案|추천|اقترح|propos|"
        "предлож|vorschlag|what should i|what can i do|should we|was soll ich|help me decide|pick one|best option|"
        "is it worth|what should i consider|propose"
    ),
    "plan": (
        "plan a|plan my|plane |planning|organis|organiz|meal plan|itinerar|wochenplan|reiseplan|planifi|pianific|"
        "спланир|запланир|zaplanuj|计划|計画|規劃|规划|계획|خطط|schedule for|stundenplan|budget|checklist"
    ),
    "calculate": (
        "calculat|berechne|rechne|calcul|calcola|вычисл|рассчит|посчит|oblicz|bereken|hesapla|计算|計算|계산|احسب|"
        "probabil|wahrscheinlich|вероятн|概率|確率|확률|percentage of|how many ways|estimate|schätze|estim|solve.|solving|löse |"
        "résou|resuel|risolvi|реши |rozwiąż|求解|解いて|풀어|solve for|work out the"
    ),
    "describe": (
        "describe|beschreib|décri|describ|descrivi|опиши|opisz|beschrijf|描述|述べ|묘사|صف |outline|skizzier|discuss|"
        "diskutier|discut|обсуд|omów|bespreek|tartış|讨论|討論|議論|논의|ناقش|what is a |what are the main|role of"
    ),
}
"""Families that tell of explaining, comparing and writing."""

HINTS: dict[str, str] = {
    "how": (
        "how does|how do i |how do you|how would|how can|how to|how it works|wie funktioniert|wie kann|"
        "comment fonctionne|comment ça|cómo funciona|come funziona|como funciona|как работает|jak działa|hoe werkt|"
        "works and|werkt|nasıl çalış|如何|どのように|仕組み|어떻게|كيف يعمل|stages of|when is it|when it is|"
        "quando conviene"
    ),
    "example": "example|beispiel|exemple|ejemplo|esempio|exemplo|пример|przykład|voorbeeld|örnek|例子|举例|例を|예를|예시|مثال",
    "program": (
        "function that|python|javascript|typescript|java.|rust|golang|c++|c#|sql|bash|shell script|script that|"
        "regular expression|regex|regulären ausdruck|css|html|react|margin auto|div.|dataframe|pandas|excel formula|"
        "код|код на|代码|程式|コード|코드|funktion in|fonction|función que|программ|makefile|dockerfile|api"
    ),
    "trouble": (
        "what should i check|what might|doesn't work|does not work|not working|error message|funktioniert nicht|"
        "ne fonctionne pas|no funciona|не работает|nie działa|troubleshoot|gets hot|keeps crash|crash|stürzt ab|"
        "fehlermeldung|故障|エラー"
    ),
    "tone": (
        "polite|friendly|formal tone|confident|persuasive|convincing|höflich|freundlich|poli.|cordial|aimed at|"
        "for a beginner|to a beginner|für anfänger|for children|ten-year-old|敬語|丁寧|sound more|in the style of|tone"
    ),
}
"""Families that tell little alone."""

CONDITIONS = (
    "must|without|at most|at least|no more than|only if|unless|subject to|within|cannot|can't|given that|given the|"
    "assuming|exactly|survive|keep the|even if|provided that|each of|such that|constraint|muss|müssen|ohne|höchstens|"
    "mindestens|unter der bedingung|auch wenn|innerhalb|sans|au plus|au moins|à condition|sin |como máximo|al menos|"
    "siempre que|senza|al massimo|almeno|sem |no máximo|pelo menos|не более|не менее|без |при условии|bez |co najmniej|"
    "co najwyżej|zonder|hoogstens|minstens|必须|必須|要求|不超过|至少|即使|までに|ただし|以内|반드시|보장|بحيث|بدون|"
    "على الأقل|不得|neither|nor.|not next to|while|whereas|before.|after each|if so|and if|if one|como cambier|se metà"
)
"""Words that set conditions, each of which counts for itself."""

TRACES = "traceback|exception in|exception:|error:|segmentation fault|stack trace|    at |panic:|caused by:|warning:"
"""What programs say when they fail."""
