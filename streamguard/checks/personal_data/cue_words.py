"""The words that `cues` knows, in a dozen languages, all in lower case.

A table, and so longer than code may be.
"""

PHONE, CARD, SSN, MONEY, OTHER, ANY_ID = "phone", "card", "ssn", "money", "other", "id"
"""What a word can announce, besides the name of a form in `national_ids`; `OTHER` is something that is nobody's own."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _words(**meanings: str) -> dict[str, str]:
    return {word: meaning for meaning, words in meanings.items() for word in words.split()}


STRONG = _words(
    phone=(
        "phone phones telephone telephones cellphone cellphones smartphone landline tel tél tlf telf tfno fon mob ph mobile"
        " mobiles"
        " cell cellular fax whatsapp sms viber telegram phonenumber telefon telefono teléfono telefone telefoon téléphone"
        " handy mobil mobiltelefon móvil movil móviles celular cellulare portable gsm rufnummer telefonnummer"
        " handynummer mobilnummer faxnummer festnetz festnetznummer durchwahl rückrufnummer telefonnr handynr"
        " telefoonnummer mobiel telemóvel telemovel komórka komórkowy puhelin puhelinnumero matkapuhelin τηλέφωνο τηλ телефон тел"
        " моб telefonnummeret mobilnummeret"
    ),
    card=(
        "card cards cc creditcard debitcard visa mastercard maestro amex karte kreditkarte kartennummer karten carte tarjeta"
        " carta cartão cartao kaart creditcardnummer kreditkartennummer kort kortti karta"
    ),
    ssn="ssn ssns itin",
)
WEAK = _set(
    "call calls called calling dial dialed dialled ring rang reach reached contact contacted contacting text "
    "texted texting message messages messaging msg answer answers answering registered phoned phoning rufe rufen "
    "ruf anrufen angerufen erreichen erreichbar kontaktieren melden appelez appeler appelle joindre joignable "
    "contacter llame llamar llámame llamarme llámeme contactar contactarme localizar chiamare chiamami chiamatemi "
    "contattare bel bellen bereikbaar zadzwoń dzwonić ligue ligar ligue-me"
)
"""Words of calling. They announce a number only when nothing but small words stands between."""
BY_PREPOSITION = _set("message messages messaging msg answer answers answering")
PREPOSITIONS = _set("at on to from under via using unter auf au à sur al en su op")
LABELS = _set(
    "office desk home work line direct büro bureau oficina ufficio kantoor privat private contact number t m f p w h o"
)
"""Words that stand before a telephone number as its label: with nothing but a colon between."""
SMALL = _set(
    "from a me us him her them back you a someone somebody now please again today tomorrow anytime any at on to under the "
    "my your our his this that new old other is it s its number numbers no nr num nummer phone via using through "
    "for or and directly mich uns ihn sie bitte unter auf der die das ist zurück moi nous au à sur le la les est "
    "por favor al a en el es mi um meu o op het mij ons il un una mio presso"
)
OWNERS = _set(
    "my his her our your their new contact meine deine seine ihre mon ma notre votre son mi su mio mia meu mijn"
)
NUMBER = _set("number numbers no nr num nummer numéro numero número")

THINGS = _set(
    "order orders ordered ticket tickets invoice invoices case ref reference customer client item items article "
    "articles id ids tracking track sku model serial part product products booking reservation confirmation batch "
    "lot job policy contract claim flight train isbn issn ean gtin upc barcode imei imsi iccid po rma bug issue "
    "error code codes pin zip plz postcode member membership loyalty voucher coupon gift parcel package shipment "
    "delivery awb consignment receipt quote quotation request case-id incident user username uid uuid session "
    "version build release revision commit port page pages room apt apartment suite box unit address street "
    "located road avenue patent doi arxiv vin plate registration license licence key timestamp epoch unix bytes "
    "rows records views followers people students population iteration invoice-no document folder meter vat hrb "
    "ust ustid siret siren ein duns swift bic sort routing iban bestellung bestell bestellnummer auftrag auftrags "
    "auftragsnummer kunde kunden kundennummer rechnung rechnungs rechnungsnummer vorgang vorgangsnummer sendung "
    "sendungs sendungsnummer artikel artikelnummer vertrag vertragsnummer seriennummer ticketnummer referenz "
    "referenznummer aktenzeichen mitgliedsnummer buchung buchungsnummer paket paketnummer commande facture "
    "dossier référence colis suivi série pedido factura referencia cliente envío seguimiento artículo serie "
    "código caso ordine fattura riferimento spedizione pacco articolo codice encomenda fatura bestelling factuur "
    "klant klantnummer pakket zamówienie zamówienia faktura beställning tilaus"
)
"""Words that make the number after them something else."""
MONEY_WORDS = _set(
    "account acct transaction balance limit amount total sum price konto kontonummer compte cuenta conto rekening "
    "betrag preis"
)
"""Words of banks: what they announce is no telephone, and may well be a card."""

IDS: dict[str, str] = {
    **_words(
        uk_nhs="nhs",
        uk_nino="nino",
        de_tax="steueridentifikationsnummer steuerid steueridnr steuernummer steuer idnr identifikationsnummer",
        fr_nir="nir insee sécu sécurité",
        es_dni="dni nie",
        it_cf="fiscale",
        nl_bsn="bsn burgerservicenummer sofinummer",
        pl_pesel="pesel",
        se_personnummer="personnummer personnumret samordningsnummer",
        dk_cpr="cpr cprnr cpr-nummer",
        no_fodselsnummer="fødselsnummer fodselsnummer fødselsnr",
        fi_hetu="hetu henkilötunnus",
        pt_nif="contribuinte nif",
        br_cpf="cpf",
        in_aadhaar="aadhaar aadhar adhar uidai आधार",
        in_pan="pan",
        ca_sin="sin nas",
        au_tfn="tfn",
        au_medicare="medicare",
        cn_resident="身份证 身份证号 身份证号码",
        jp_my_number="マイナンバー 個人番号",
        kr_rrn="주민등록번호",
        za_id="said",
        tr_kimlik="kimlik tckn",
        ro_cnp="cnp",
        hr_oib="oib",
        be_nrn="rijksregisternummer rijksregister registre insz niss",
        at_svnr="svnr sozialversicherungsnummer svn sv-nummer",
        ie_pps="pps ppsn",
        cz_rc="rodné rodne rc",
        ch_ahv="ahv avs ahv-nummer",
        cl_rut="rut run",
        ar_cuit="cuit cuil",
        il_id="teudat zehut",
    ),
}
PAIRS: dict[tuple[str, str], str] = {
    ("social", "security"): SSN,
    ("soc", "sec"): SSN,
    ("social", "insurance"): "ca_sin",
    ("national", "insurance"): "uk_nino",
    ("tax", "file"): "au_tfn",
    ("national", "id"): ANY_ID,
    ("national", "identity"): ANY_ID,
    ("national", "identification"): ANY_ID,
    ("identity", "card"): ANY_ID,
    ("identity", "number"): ANY_ID,
    ("identification", "number"): ANY_ID,
    ("id", "card"): ANY_ID,
    ("citizen", "id"): ANY_ID,
    ("personal", "id"): ANY_ID,
    ("personal", "number"): ANY_ID,
    ("tax", "id"): ANY_ID,
    ("tax", "number"): ANY_ID,
    ("taxpayer", "id"): ANY_ID,
    ("steuer", "id"): "de_tax",
    ("health", "number"): "uk_nhs",
    ("my", "number"): PHONE,
    ("resident", "id"): "cn_resident",
    ("burger", "service"): "nl_bsn",
    ("pan", "card"): "in_pan",
    ("text", "me"): PHONE,
}
