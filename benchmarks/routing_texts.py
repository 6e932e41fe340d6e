"""Questions labelled by what they ask of a model, for the routing by complexity: written for it, taken from nowhere.

`easy`: a fact, a form, a class, a short rewrite. `medium`: an explanation, a comparison, a draft, a small program. `hard`: steps
that build on each other, under conditions that must hold together: proofs, designs, searches for causes, plans.
`SET` is what the words and weights of the score were chosen by. `HELD_OUT` was written after them and is only measured: whoever
fits the score to it must write another. One table in one file, though it is long: a half of it would measure something else.
"""

from typing import Literal

Label = Literal["easy", "medium", "hard"]

_EASY = (
    "Hi!",
    "Thanks, that solved it.",
    "What are your opening hours on Sunday?",
    "Where is my order 48213?",
    "Translate 'good morning' into Spanish.",
    "What is the capital of Australia?",
    "Convert 12 inches to centimetres.",
    "Is this review positive or negative? 'The shoes arrived late and one was torn.'",
    "Fix the spelling: 'I recieved teh parcel yesterday'",
    "Please cancel my subscription.",
    "How do I reset my password?",
    "Give me a synonym for 'happy'.",
    "Do you ship to Norway? And how much is it?",
    "What does HTTP stand for?",
    "Extract the e-mail address from: 'write to anna@shop.example by Friday'",
    "Wie spät macht der Laden in Köln zu?",
    "Ich habe mein Passwort vergessen.",
    "Wer hat den Faust geschrieben?",
    "Bonjour, où puis-je télécharger ma facture ?",
    "¿Cuánto cuesta el envío a Canarias?",
    "Quanti giorni ho per restituire un articolo?",
    "Как изменить адрес доставки?",
    "営業時間を教えてください。",
    "退货需要多少天?",
    "هل يمكنني الدفع عند الاستلام؟",
    "Siparişim ne zaman gelir?",
    "hello there",
    "ok",
    "Who wrote Moby-Dick?",
    "How many grams are in a pound?",
    "Can I pay by invoice?",
    "Turn this into title case: the old man and the sea",
    "What time is it in Tokyo when it is noon in London?",
    "Is a tomato a fruit?",
    "Change my e-mail address to the new one please",
    "What's 15 % of 80?",
    "Classify as spam or not: 'You have won a free phone, click here'",
    "Does the jacket come in green?",
    "Wann kommt mein Paket an?",
    "Was kostet der Rückversand nach Österreich?",
    "Nenne mir drei Hauptstädte in Südamerika.",
    "Quelle est la taille de l'écran ?",
    "¿Dónde está mi pedido?",
    "Qual é o prazo de entrega?",
    "Сколько стоит доставка?",
    "배송은 얼마나 걸리나요?",
    "Ile kosztuje wysyłka do Niemiec?",
    "good evening",
    "Yes please, go ahead.",
    "What's your phone number?",
    "When was the Eiffel Tower built?",
    "Make this uppercase: delivery note",
    "How do you say 'bread' in Italian?",
    "Which size should I take if I usually wear 42?",
    "List the colours of the rainbow.",
    "Remove the commas from this: a, b, c, d",
    "I want to speak to a human.",
    "Is the shop open on Easter Monday?",
    "What is 23 times 7?",
    "Name the largest planet.",
    "Tag this message as billing, technical or other: 'my card was charged twice'",
    "My parcel has not arrived yet.",
    "Kann ich mit PayPal bezahlen?",
    "Auf welcher Seite finde ich die Bedienungsanleitung?",
    "Merci beaucoup, bonne journée !",
    "¿Tienen esta camisa en azul?",
    "Dov'è la mia fattura?",
    "Можно вернуть товар без чека?",
    "保証期間はどのくらいですか?",
    "请问可以开发票吗?",
    "Hoeveel kost verzending naar België?",
)
_MEDIUM = (
    "Explain the difference between TCP and UDP to a beginner, with an example of each.",
    "Write a polite e-mail to a customer whose parcel was lost, offering a refund or a new delivery.",
    "Compare the Basic and the Pro plan for a team of five and recommend one.",
    "Write a Python function that removes duplicates from a list and keeps the order.",
    "Summarise the following complaint in three bullet points and say how urgent it is: the washing machine "
    "stopped after two weeks, the technician came twice without the right part, and now the kitchen floor is "
    "damaged because of the leak.",
    "Why does bread dough rise, and why does it fall when I open the oven too early?",
    "Can you explain what this SQL does?\n```sql\nSELECT user_id, count(*) FROM orders GROUP BY user_id HAVING "
    "count(*) > 3;\n```",
    "What are the pros and cons of leasing a car instead of buying it?",
    "Draft a job advertisement for a junior nurse in Leeds, about 150 words, friendly but factual.",
    "I have 3 red, 4 blue and 5 green balls. What is the probability of drawing two of the same colour?",
    "How would I write a regular expression that matches German postcodes, and how does it work?",
    "Plan a weekend in Lisbon for two people who like food and hate museums.",
    "My laptop gets hot and loud when I watch videos. What could be the causes and what should I check first?",
    "Rewrite this paragraph for a ten-year-old: photosynthesis turns light into chemical energy which plants keep "
    "as sugar.",
    "Erkläre mir den Unterschied zwischen Brutto und Netto und rechne ein Beispiel mit 3.200 Euro vor.",
    "Schreibe eine freundliche Antwort an einen Kunden, der sich über eine doppelte Abbuchung beschwert.",
    "Vergleiche die beiden Tarife und empfiehl mir einen; ich telefoniere viel und surfe wenig.",
    "Explique pourquoi le ciel est bleu et pourquoi il devient rouge le soir.",
    "Redacta un resumen de las ventajas y desventajas del teletrabajo para una empresa pequeña.",
    "Spiega come funziona un mutuo a tasso variabile e quando conviene.",
    "Объясни, чем отличается наследование от композиции, и приведи пример на Python.",
    "请比较一下混合动力车和纯电动车的优缺点,并给出购买建议。",
    "敬語で、納期が遅れることを取引先に謝るメールを書いてください。",
    "اشرح الفرق بين التعلم الآلي والتعلم العميق مع مثال لكل منهما.",
    "Wyjaśnij, jak działa kredyt hipoteczny, i porównaj raty równe z malejącymi.",
    "Explain how a heat pump works and when it is cheaper than gas.",
    "Write a short product description for a waterproof hiking backpack, aimed at families.",
    "What is the difference between a will and a trust, and which one suits a couple with two small children?",
    "Write a bash script that renames all .jpeg files in a folder to .jpg and skips those that exist.",
    "Summarize the main arguments for and against a four-day week in about 200 words.",
    "My tomatoes have yellow leaves with brown spots. What might it be and what can I do about it?",
    "Suggest a weekly meal plan for a vegetarian family on a small budget.",
    "How do I centre a div vertically, and why does margin auto not do it?",
    "Describe the stages of grief and how a manager can support someone at work.",
    "If a train leaves at 9:40 and travels 210 km at 84 km/h, when does it arrive? Show the calculation.",
    "Rewrite my cover letter so that it sounds more confident but not arrogant: I have worked as a waiter for four "
    "years and would like to become a hotel receptionist.",
    "Warum ist der Himmel blau, und was hat das mit der Wellenlänge zu tun?",
    "Fasse die Vor- und Nachteile einer Wärmepumpe für einen Altbau zusammen.",
    "Schreib mir eine Kündigung für das Fitnessstudio mit Hinweis auf den Umzug.",
    "Compare les avantages d'un prêt à taux fixe et d'un prêt à taux variable.",
    "Explica cómo funciona la fotosíntesis y por qué las plantas son verdes.",
    "Escreva um e-mail pedindo desconto a um fornecedor, em tom cordial.",
    "Сравни два языка программирования, Go и Rust, для сетевых сервисов.",
    "한국의 전세 제도와 월세 제도의 차이를 설명하고 장단점을 비교해 주세요.",
    "解释一下什么是区块链,并举一个实际应用的例子。",
    "Leg uit hoe een warmtepomp werkt en vergelijk de kosten met gas.",
    "Explain what an index fund is and how it differs from an actively managed fund.",
    "Write a short thank-you note to a colleague who covered my shifts for two weeks.",
    "Give me a step-by-step recipe for a vegan lasagne for six people, with quantities.",
    "What is the difference between weather and climate, and why do people mix them up?",
    "Turn these notes into a clear paragraph: meeting moved, budget approved, Lena leads design, launch in May, "
    "open question who does support.",
    "Write a JavaScript function that checks whether a string is a palindrome and ignores punctuation.",
    "What should I consider before adopting a dog if I work full time?",
    "Compare PostgreSQL and MySQL for a small web shop.",
    "A shirt costs 40 euros after a 20 % discount. What was the original price, and how do you work it out?",
    "Describe how a bill becomes law in the United Kingdom in plain words.",
    "Propose five names for a bakery and explain the idea behind each.",
    "My Wi-Fi drops every evening. What could be wrong and how can I find out?",
    "Summarize this review and list what the guest liked and disliked: The room was quiet and spotless, breakfast "
    "had everything, but the lift was broken for three days and nobody at the desk seemed to care.",
    "Write a cron expression that runs at 3:15 on weekdays and explain each field.",
    "Erkläre einem Kind, wie ein Regenbogen entsteht.",
    "Formuliere eine Einladung zum Sommerfest der Nachbarschaft, locker und kurz, mit Bitte um Rückmeldung.",
    "Was sind die Unterschiede zwischen gesetzlicher und privater Krankenversicherung für Selbstständige?",
    "Expliquez la différence entre un CDD et un CDI et donnez un exemple.",
    "Escribe una carta de reclamación a una aerolínea por un vuelo retrasado seis horas.",
    "Confronta il treno e l'aereo per andare da Milano a Parigi.",
    "Напиши вежливый ответ клиенту, который недоволен качеством товара.",
    "なぜ空は青いのですか。小学生にも分かるように説明してください。",
    "帮我写一封求职信,应聘市场助理,突出沟通能力。",
    "Napisz krótkie podsumowanie zalet i wad pracy zdalnej.",
)
_HARD = (
    "Prove that there are infinitely many primes of the form 4k + 3, and explain where the argument fails for 4k + 1.",
    "Design a rate limiter for an API that runs in three regions. It must stay exact to within 1 %, survive the "
    "loss of a region, and add less than 5 ms. Discuss the trade-offs between consistency and latency and justify "
    "your choice of algorithm.",
    "Our service deadlocks about once a day. Find the race condition and propose a fix that does not hold both "
    "locks:\n```python\nasync def move(a, b, n):\n    async with a.lock:\n        await audit(a)\n        async "
    "with b.lock:\n            a.n -= n\n            b.n += n\n```\nTraceback (most recent call last):\n  File "
    '"pay.py", line 88, in move\nasyncio.exceptions.TimeoutError',
    "Derive the closed form of the recurrence T(n) = 2T(n/2) + n log n step by step, prove it by induction, and "
    "state its asymptotic complexity.",
    "Develop a three-year migration plan from our monolith to services: 40 teams, 2 data centres, no downtime over "
    "15 minutes, and a budget that shrinks by 10 % a year. List the risks, the order of the steps and why this "
    "order, and how we would roll back.",
    "Analyse the clause below under German and English law, weigh the arguments of both sides, and conclude which "
    "party bears the risk if the goods perish between handover to the carrier and delivery: 'Risk passes ex works "
    "unless the seller arranges carriage, in which case the seller shall insure the goods at the buyer's cost.'",
    "Five people sit in a row. Anna is not next to Ben. Clara sits left of Dora. Emil sits at an end. Ben is not "
    "at an end. Clara is not next to Emil. Which orders are possible? Reason step by step and show that there are "
    "no others.",
    "Refactor this class so that it is thread-safe and testable, keep the public interface, and explain every "
    "change:\n```java\npublic class Cache {\n  private static Map<String, Object> m = new HashMap<>();\n  public "
    "static Object get(String k) {\n    if (!m.containsKey(k)) { m.put(k, Db.load(k)); }\n    return m.get(k);\n  "
    "}\n}\n```\nConsider eviction, memory bounds and concurrent loads of one key.",
    "Estimate how many charging points a city of 300,000 needs by 2035. State your assumptions, build a model with "
    "at least three scenarios, do a sensitivity analysis, and criticise your own result.",
    "Write a lock-free queue for many producers and one consumer in Rust, prove that it is linearizable, and "
    "discuss the ABA problem.",
    "We saw a 4 % drop in conversion after the release, but only on Android and only for returning users, while "
    "latency fell. Work out at least four hypotheses, how each could be told from the others with the data that we "
    "have (events, A/B flags, crash logs), and which you would test first and why.",
    "Optimise the delivery routes of 6 vans over 48 stops with time windows; vans 2 and 5 cannot carry cold goods, "
    "drivers need a 45 minute break, and overtime costs twice as much. Formulate it as an integer program and "
    "explain how you would solve it.",
    "Entwirf eine Architektur für ein Zahlungssystem, das jede Buchung genau einmal ausführt, auch wenn Knoten "
    "ausfallen. Begründe die Wahl des Konsensverfahrens und diskutiere die Kompromisse bei einer Netzteilung.",
    "Beweise, dass die Wurzel aus 2 irrational ist, und verallgemeinere den Beweis auf alle natürlichen Zahlen, "
    "die keine Quadrate sind.",
    "Analysiere die Ursachen der Inflation von 2021 bis 2023, gewichte sie gegeneinander, widerlege das stärkste "
    "Gegenargument und leite daraus eine Empfehlung für die Geldpolitik ab.",
    "Démontrez que toute suite croissante majorée converge, puis construisez un contre-exemple si l'on retire une "
    "hypothèse.",
    "Diseña la arquitectura de un sistema de reservas que soporte 50.000 peticiones por segundo sin vender dos "
    "veces el mismo asiento; analiza las alternativas, sus compromisos y los modos de fallo.",
    "Докажи, что задача о рюкзаке NP-полна, и предложи алгоритм приближения с оценкой точности.",
    "设计一个分布式任务调度系统,要求任务恰好执行一次,并分析在网络分区时一致性与可用性之间的权衡,最后证明算法的正确性。",
    "次のアルゴリズムの計算量を導出し、正しさを帰納法で証明し、最悪の場合を改善する方法を段階的に検討してください。",
    "Progetta un esperimento per distinguere correlazione e causalità tra sonno e rendimento: ipotesi, variabili "
    "confondenti, potenza statistica, limiti, e come cambieresti il disegno se metà dei partecipanti abbandonasse.",
    "صمم بنية نظام موزع لمعالجة المدفوعات بحيث لا تتكرر أي عملية، وحلل المفاضلات بين الاتساق والإتاحة، وأثبت صحة "
    "الخوارزمية.",
    "Audit this contract step by step for reentrancy, integer overflow and missing access control, rank the "
    "findings by severity, and give a patch for each:\n```solidity\nfunction withdraw(uint n) public {\n  "
    'require(bal[msg.sender] >= n);\n  (bool ok,) = msg.sender.call{value: n}("");\n  bal[msg.sender] -= n;\n}\n'
    "```",
    "A patient of 71 takes warfarin, amiodarone and metformin and now has pneumonia and an eGFR of 38. Work "
    "through which antibiotics interact, adjust doses for the kidneys, and justify a regimen, with what to monitor "
    "and when to change it.",
    "Given the prices of calls at strikes 90, 100 and 110, derive the no-arbitrage bounds, check whether 12.1, 6.0 "
    "and 1.2 violate convexity, and if so construct the portfolio that profits.",
    "Show that every continuous function on a closed interval attains its maximum, without using compactness, and "
    "say which step needs completeness.",
    "Design the schema and the sharding strategy of a chat application with 50 million users. Messages must be "
    "ordered within a room, search must be possible, and deleting an account must erase everything within 30 days. "
    "Explain the bottlenecks.",
    "This query takes 40 s on 200 million rows although there is an index on (a, b). Here is the plan:\n```\nSeq "
    "Scan on t  (cost=0.00..4833452.10 rows=1 width=8)\n  Filter: ((b = 7) AND (a > 100))\n```\nDiagnose why the "
    "planner does this, propose two ways to fix it, and evaluate what each costs on writes.",
    "Twelve coins, one is false and either lighter or heavier. Find it in three weighings and prove that two "
    "cannot suffice.",
    "Critically evaluate the methodology of a study that finds coffee lowers mortality: confounders, reverse "
    "causation, survivorship bias; propose a better design and calculate the sample size for a hazard ratio of 0.9.",
    "Implement a B+ tree with concurrent readers in C++, handle splits and merges, analyse the worst-case "
    "complexity, and write property tests.",
    "We must cut cloud costs by 35 % within two quarters without breaking the SLA of 99.95 %. Spending: 48 % "
    "compute, 22 % storage, 18 % egress, 12 % managed databases. Prioritise measures by savings, effort and risk, "
    "with dependencies and a timeline.",
    "Develop a game-theoretic model of two firms that choose capacity first and price later, solve for the "
    "subgame-perfect equilibrium, and interpret how the result depends on the cost of capacity.",
    "Debug this: the worker's memory grows by 2 GB an hour, the heap profile is flat, and the RSS falls after "
    "malloc_trim. Reason through what can cause it, rule out alternatives one by one, and design an experiment "
    "that decides between them.",
    "Write a compiler pass that eliminates common subexpressions in SSA form, argue its correctness, and discuss "
    "the interaction with register pressure.",
    "Leite die Euler-Lagrange-Gleichung her und wende sie auf das Doppelpendel an; zeige Schritt für Schritt, wo "
    "die Kleinwinkelnäherung eingeht.",
    "Entwickle eine Strategie für den Markteintritt in Japan unter der Bedingung, dass wir höchstens 2 Mio. Euro "
    "ausgeben, bis Q3 profitabel sind und keine Tochterfirma gründen. Bewerte drei Alternativen und begründe die "
    "Reihenfolge.",
    "Concevez un protocole de consensus tolérant f pannes byzantines, démontrez sa sûreté et sa vivacité, et "
    "analysez sa complexité en messages.",
    "Demuestra por inducción que la suma de los primeros n cubos es el cuadrado de la suma de los primeros n "
    "números y generaliza el resultado.",
    "Проанализируй причины утечки памяти в этом сервисе, предложи архитектуру, которая исключает её, и обоснуй "
    "компромиссы между задержкой и пропускной способностью.",
    "证明哥尼斯堡七桥问题无解,推导欧拉回路存在的充要条件,并设计一个线性时间算法求出回路。",
    "분산 시스템에서 정확히 한 번 처리를 보장하는 아키텍처를 설계하고, 네트워크 분할 시의 트레이드오프를 분석하고 "
    "정당성을 증명하세요.",
    "Projete a arquitetura de um sistema antifraude em tempo real, justifique as escolhas, analise os modos de "
    "falha e os compromissos entre precisão e latência.",
    "Three doctors disagree about a diagnosis. Given sensitivity 0.9, specificity 0.8 and prevalence 0.02 for test "
    "A and 0.7, 0.98 for test B, derive the posterior after each combination of results, discuss independence, and "
    "determine the optimal order of tests.",
    "Reconcile these requirements, find the contradictions, and propose a minimal set of changes: (1) all data "
    "stays in the EU; (2) support in Manila can read tickets; (3) tickets contain customer data; (4) "
    "pseudonymisation keys are held by the US parent; (5) no manual steps.",
    "Prove that the set of real numbers is uncountable and explain why the same argument does not apply to the "
    "rationals.",
    "Design an on-call rotation and escalation policy for 14 engineers in four time zones so that nobody has more "
    "than one week in five, every shift has a senior, and handovers fall into working hours. Show that it is "
    "feasible or which constraint must be relaxed.",
    "Our p99 latency doubled after we moved from HTTP/1.1 to HTTP/2 behind the same load balancer, but only for "
    "uploads above 1 MB. Analyse possible root causes, say what evidence would confirm or exclude each, and "
    "propose the order of experiments.",
    "Write a type checker for a small lambda calculus with let-polymorphism in OCaml, explain unification, and "
    "argue why the occurs check is needed.",
    "Evaluate whether we should acquire the company: revenue 12 million growing 18 %, churn 9 %, net debt 4 "
    "million, a lawsuit pending. Build a discounted cash flow with explicit assumptions, test its sensitivity, and "
    "give a recommendation with conditions.",
    "Derive the gradient of the softmax cross-entropy loss with respect to the logits and use it to explain "
    "vanishing gradients in deep networks.",
    "Find all integer solutions of x^2 - 3y^2 = 1, show how they are generated, and prove that the list is complete.",
    "Draft a data processing agreement between an EU controller and a US sub-processor; identify conflicts between "
    "the transfer rules and the retention duties, and justify every deviation from the standard clauses.",
    "Plan the zero-downtime migration of a 6 TB PostgreSQL 11 database to version 16 on other hardware. "
    "Replication slots must not be lost, the replica in Asia lags by up to 40 s, and we may freeze writes for 90 "
    "seconds at most. Cover rollback at each stage.",
    "Implement an LRU cache with O(1) operations that is safe under concurrent access without a global lock, "
    "analyse contention, and show with an interleaving why the naive version is wrong.",
    "Reconstruct the argument of this essay, identify its hidden premises and two fallacies, formulate the "
    "strongest objection, and assess whether the conclusion survives it.",
    "Given a 3-SAT instance, construct the corresponding graph for the reduction to independent set, prove that "
    "the reduction is correct in both directions, and state its running time.",
    "Two trains, three tracks and a single siding: work out a schedule in which the express is never delayed more "
    "than 4 minutes, freight waits at most twice, and prove that no schedule does better.",
    "Beweise den Satz von Bolzano-Weierstraß und erkläre, an welcher Stelle die Vollständigkeit benutzt wird.",
    "Analysiere, warum unser Lagerbestand trotz sinkender Nachfrage wächst, stelle mindestens drei Hypothesen auf, "
    "leite Messgrößen ab und begründe, welche Maßnahme zuerst kommen muss.",
    "Entwirf ein Berechtigungskonzept für 12 Abteilungen mit widersprüchlichen Anforderungen, bewerte Alternativen "
    "und diskutiere die Risiken bei Vertretungen.",
    "Concevez une stratégie de tarification pour trois segments sous contrainte de capacité, modélisez la demande, "
    "optimisez le revenu et discutez la robustesse du résultat.",
    "Demuestra que no existe un algoritmo que decida si un programa cualquiera se detiene, y analiza qué supuestos "
    "se pueden relajar.",
    "Dimostra la correttezza dell'algoritmo di Dijkstra, spiega perché fallisce con pesi negativi e progetta una "
    "variante che li gestisca, analizzandone la complessità.",
    "Спроектируй систему рекомендаций для 10 миллионов пользователей: архитектура, холодный старт, оценка "
    "качества, компромисс между точностью и задержкой; обоснуй каждое решение.",
    "请设计一个支持每秒十万笔交易的撮合引擎,分析延迟瓶颈与容错策略,并论证其顺序一致性。",
    "このシステムの障害原因を三つの仮説に分けて分析し、それぞれを検証する実験を設計し、優先順位を根拠とともに示して"
    "ください。",
    "Zaprojektuj algorytm szeregowania zadań na trzech maszynach z ograniczeniami kolejności, udowodnij jego "
    "poprawność i oszacuj złożoność.",
    "Debug why this deadlocks only under load and fix it without changing the lock order elsewhere:\n```go\nfunc "
    "(s *Store) Swap(a, b string) {\n\ts.mu[a].Lock()\n\ts.mu[b].Lock()\n\ts.v[a], s.v[b] = s.v[b], s.v[a]\n\t"
    "s.mu[b].Unlock()\n\ts.mu[a].Unlock()\n}\n```\ngoroutine 88 [semacquire, 9 minutes]:\n"
    "sync.runtime_SemacquireMutex",
)

_HELD_EASY = (
    "Hey, are you there?",
    "What year did the Berlin Wall fall?",
    "Could you resend my invoice?",
    "Who is the manager of the Hamburg branch?",
    "Put these names in alphabetical order: Zoe, Ben, Mia, Carl",
    "Convert 100 degrees Fahrenheit to Celsius.",
    "What does the abbreviation ASAP mean?",
    "Do I need a passport to travel to Ireland?",
    "I accidentally ordered two, can I send one back?",
    "Give the plural of 'mouse'.",
    "Track shipment 1Z999AA10123456784",
    "What's the weather like in Rome in May?",
    "Is this sentence correct: 'She don't like apples'?",
    "Which day is Mother's Day this year?",
    "The voucher code is not accepted.",
    "Ist der Artikel noch lieferbar?",
    "Bis wann muss ich kündigen?",
    "À quelle heure ouvrez-vous demain ?",
    "¿Puedo cambiar la dirección del pedido?",
    "Obrigado, já recebi.",
    "Где мой заказ?",
    "カードで払えますか?",
    "你好,我想改一下收货地址。",
    "Adres değişikliği yapmak istiyorum.",
)
_HELD_MEDIUM = (
    "Explain how vaccines train the immune system, in words a teenager understands.",
    "Write a friendly reminder to a tenant whose rent is ten days late.",
    "What are the advantages and drawbacks of solar panels on a north-facing roof?",
    "Help me prepare for a job interview as a project coordinator: which questions will come up and what could I "
    "answer?",
    "Write a Python script that reads a CSV file and prints the average of the second column.",
    "Summarise the plot of Romeo and Juliet in five sentences.",
    "Compare electric and gas hobs for a rented flat.",
    "I invested 2,000 euros at 3 % a year. How much do I have after five years, and how is that calculated?",
    "Suggest three gifts for a father who likes fishing and already has everything, with a reason for each.",
    "What causes inflation and how does a central bank react to it?",
    "Rewrite this so that it sounds less harsh: You never answer my mails and I am tired of waiting for your team.",
    "Describe a typical day of a Roman soldier for a school magazine.",
    "How can I improve the battery life of my phone, and which of these measures helps most?",
    "Write a product comparison table for two vacuum cleaners, one cheap and loud, one quiet and expensive.",
    "Erkläre den Unterschied zwischen Miete und Leasing bei Software.",
    "Schreibe eine Rezension über ein Restaurant mit gutem Essen und langsamem Service.",
    "Wie funktioniert eine Blockchain, und wofür wird sie außer für Währungen benutzt?",
    "Rédige un message pour annoncer à l'équipe un changement d'horaires.",
    "Explica la diferencia entre virus y bacterias con un ejemplo de cada uno.",
    "Quali sono i vantaggi e gli svantaggi di una cucina a induzione?",
    "Составь план тренировок на неделю для начинающего бегуна.",
    "比较一下租房和买房的利弊,并说明适合哪些人。",
    "회의록을 세 문장으로 요약하고 다음 할 일을 정리해 주세요.",
    "Schrijf een korte uitnodiging voor een verjaardagsfeest en leg uit hoe men er komt.",
)
_HELD_HARD = (
    "Prove by contradiction that the harmonic series diverges, then give a second, independent proof and compare "
    "what each reveals.",
    "Design a feature flag service for 200 teams: evaluation must take under 1 ms, changes must reach every "
    "instance within 5 seconds, and an outage of the service must not change any decision. Discuss storage, "
    "propagation, consistency and how you would test failure modes.",
    "Users report duplicate charges, about one in 40,000, only when the mobile network switches during checkout. "
    "The API is idempotent by key, the queue is at-least-once and the ledger has a unique index. Work out how "
    "duplicates can still happen and propose fixes ranked by risk.",
    "Implement a regular expression engine with backreferences in C, analyse its worst-case complexity, and "
    "explain how you would guard against catastrophic inputs.",
    "Assess the causal effect of a minimum wage rise on youth employment from panel data: identify threats to "
    "validity, choose an identification strategy, write down the model, and explain which robustness checks would "
    "change your mind.",
    "Derive the Black-Scholes equation from a hedging argument, state each assumption, and show which of them "
    "fails during a market crash and what follows.",
    "A hospital has 9 operating theatres, 31 surgeons with restricted skills and 4 recovery beds that are always "
    "the bottleneck. Formulate the weekly schedule as an optimisation problem, describe a heuristic, and bound how "
    "far it can be from the optimum.",
    "Review this concurrency design critically: each worker locks the row, calls the payment provider, writes the "
    "result and unlocks. Explain what breaks when the provider hangs, when the worker dies, and when the clock "
    "jumps, and redesign it.",
    "Translate this legal reasoning into formal logic, find the step that does not follow, and construct a "
    "counterexample in which all premises are true and the conclusion is false.",
    "Determine the time and space complexity of the following recursive function, prove your bound, and transform "
    "it into an iterative one with constant memory:\n```python\ndef f(n, m):\n    if n == 0: return m\n    return "
    "f(n // 2, m + n % 2) + f(n // 3, m)\n```",
    "Write a migration strategy from REST to event sourcing for an insurance platform with 15 years of contracts, "
    "audit duties and monthly closings; sequence the steps, justify the boundaries, and describe how both systems "
    "stay consistent meanwhile.",
    "Construct a truthful auction for three advertising slots with budgets, prove incentive compatibility, and "
    "analyse its revenue against the simple second-price rule.",
    "Zeige, dass jede endliche Gruppe von Primzahlordnung zyklisch ist, und untersuche, ob die Umkehrung gilt.",
    "Konzipiere ein Experiment, das zwischen zwei konkurrierenden Erklärungen für die sinkende Conversion "
    "unterscheidet, berechne die nötige Stichprobe und diskutiere Störgrößen und Abbruchkriterien.",
    "Analysiere den Vertrag Schritt für Schritt auf Haftungslücken, bewerte jede nach Eintrittswahrscheinlichkeit "
    "und Schaden und formuliere Gegenvorschläge, die der Lieferant annehmen könnte.",
    "Prouvez que l'algorithme de Kruskal est correct, analysez sa complexité et comparez-le à Prim sur des graphes "
    "denses.",
    "Diseña un plan de recuperación ante desastres para tres centros de datos con un RPO de cero y un RTO de diez "
    "minutos, justifica cada decisión y analiza qué fallos no cubre.",
    "Deriva l'equazione delle onde per una corda vibrante, discuti le ipotesi e analizza cosa cambia se la "
    "tensione non è costante.",
    "Докажите, что остовное дерево минимального веса единственно при различных весах рёбер, и оцените сложность "
    "алгоритма его построения.",
    "设计一个多租户数据库的隔离方案,比较三种架构的成本与风险,并证明租户之间不会出现数据泄漏。",
    "分散データベースにおける線形化可能性と可用性の両立について論証し、障害時の挙動を段階的に分析してください。",
    "대규모 언어 모델 추론 서버의 아키텍처를 설계하고, 처리량과 지연 시간의 트레이드오프를 분석하며, 최적의 배치 "
    "크기를 유도하세요.",
    "Udowodnij, że problem kolorowania grafu trzema kolorami jest NP-zupełny, i zaproponuj algorytm aproksymacyjny "
    "wraz z analizą.",
    "Why does this query plan flip between an index scan and a hash join every few hours? Reason step by step from "
    "statistics, parameter sniffing and vacuum behaviour, and design a measurement that tells the causes apart.\n"
    "```\nHash Join (cost=1200.5..88012.7 rows=9 width=64)\n  Hash Cond: (o.user_id = u.id)\n```",
)

SET: tuple[tuple[Label, str], ...] = (
    *(("easy", text) for text in _EASY),
    *(("medium", text) for text in _MEDIUM),
    *(("hard", text) for text in _HARD),
)
HELD_OUT: tuple[tuple[Label, str], ...] = (
    *(("easy", text) for text in _HELD_EASY),
    *(("medium", text) for text in _HELD_MEDIUM),
    *(("hard", text) for text in _HELD_HARD),
)
