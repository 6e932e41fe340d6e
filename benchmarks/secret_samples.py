"""Labelled texts with and without credentials: `python -m benchmarks.secret_samples --seed 1 --count 2000 > samples.jsonl`.

One JSON object a line: `text`, `label` (1: a credential stands in it) and `kind` (its vendor, or what it only looks like). Half
are credentials: random tokens in the forms that vendors document, where a form has a checksum half of them with a wrong one.
The others look like them: placeholders, vendors' examples, hashes, UUIDs, public keys, words that begin like a token.

The forms are written down here anew and not taken from `streamguard.checks.credentials.formats`, so that a slip in one shows in the
other. `UNLISTED` are services whose keys have no form of their own; what finds those is the names they are given.
"""

import argparse
import base64
import hashlib
import string
import sys
import uuid
import zlib
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import orjson

_LOWER = string.ascii_lowercase
_UPPER = string.ascii_uppercase
_DIGITS = string.digits
_ALNUM = string.ascii_letters + _DIGITS
_URL = _ALNUM + "-_"
_B64 = _ALNUM + "+/"
_HEX = "0123456789abcdef"
_BASE62 = _DIGITS + _UPPER + _LOWER
_MADE_OF = {"w": _ALNUM, "u": _URL, "b": _B64, "h": _HEX, "l": _LOWER + _DIGITS, "A": _UPPER + _DIGITS, "9": _DIGITS}


class Sample(NamedTuple):
    """`label` is 1 where a credential of `kind` stands in `text`, 0 where it only looks like one."""

    text: str
    label: int
    kind: str


def _form(form: str, dice: Random) -> str:
    """`{w36}` is 36 random characters of the kind `w` in `_MADE_OF`, `{uuid}` a random UUID; the rest stands as it is."""
    out: list[str] = []
    for number, part in enumerate(form.replace("}", "{").split("{")):
        if number % 2 == 0:
            out.append(part)
        elif part == "uuid":
            out.append(str(uuid.UUID(int=dice.getrandbits(128), version=4)))
        else:
            out.append("".join(dice.choices(_MADE_OF[part[0]], k=int(part[1:]))))
    return "".join(out)


FORMS: dict[str, tuple[str, ...]] = {
    "aws": ("AKIA{A16}", "ASIA{A16}", 'aws_secret_access_key = "{b40}"', "AWS_SECRET_ACCESS_KEY={b40}", "aws_session_token=IQoJb3JpZ2lu{b300}=="),
    "google": ("AIza{u35}", "ya29.{u68}", "GOCSPX-{u28}", "1//0{u60}"),
    "azure": ("AccountKey={b86}==;EndpointSuffix=core.windows.net", "SharedAccessKey={b43}=", "{w3}8Q~{u34}", "?sv=2022-11-02&sig={w43}%3D"),
    "digitalocean": ("dop_v1_{h64}", "doo_v1_{h64}"),
    "alibaba": ("LTAI{w20}",),
    "tencent": ("AKID{w32}",),
    "heroku": ("HRKU-{uuid}", "HEROKU_API_KEY={uuid}", "HRKU-AA{u58}"),
    "netlify": ("nfp_{w36}",),
    "fly": ("fo1_{u43}", "FlyV1 fm2_{b120}"),
    "gitlab": ("glpat-{u20}", "gldt-{u20}", "glrt-{u20}", "glptt-{h40}", "GR1348941{u20}", "glpat-{u27}.01.{l7}"),
    "github": ("github_pat_{w22}_{w59}",),
    "bitbucket": ("ATBB{w32}",),
    "pypi": ("pypi-AgEIcHlwaS5vcmc{u120}",),
    "rubygems": ("rubygems_{h48}",),
    "crates": ("cio{w32}",),
    "nuget": ("oy2{l43}",),
    "docker": ("dckr_pat_{u27}",),
    "terraform": ("{w14}.atlasv1.{u67}",),
    "pulumi": ("pul-{h40}",),
    "vault": ("hvs.{w24}", "hvs.CAES{u90}", "hvb.{u140}"),
    "doppler": ("dp.pt.{w43}", "dp.st.dev.{w43}"),
    "sonar": ("sqp_{h40}", "squ_{h40}"),
    "jfrog": ("AKCp8{w68}",),
    "circleci": ("CCIPAT_{w22}_{h40}",),
    "buildkite": ("bkua_{h40}",),
    "openai": ("sk-{w20}T3BlbkFJ{w20}", "sk-proj-{u74}T3BlbkFJ{u74}", "sk-proj-{w48}", "sk-svcacct-{u60}", "sk-{w48}"),
    "anthropic": ("sk-ant-api03-{u93}AA", "sk-ant-admin01-{u93}AA"),
    "huggingface": ("hf_{w34}",),
    "replicate": ("r8_{w37}",),
    "groq": ("gsk_{w52}",),
    "perplexity": ("pplx-{w48}",),
    "xai": ("xai-{w80}",),
    "openrouter": ("sk-or-v1-{h64}",),
    "pinecone": ("pcsk_{w5}_{w64}",),
    "langsmith": ("lsv2_pt_{h32}_{h10}", "lsv2_sk_{h32}_{h10}"),
    "stripe": ("sk_live_{w24}", "sk_test_{w99}", "rk_live_{w24}", "whsec_{w32}"),
    "square": ("sq0atp-{u22}", "sq0csp-{u43}", "EAAA{u60}"),
    "braintree": ("access_token$production${l16}${h32}",),
    "plaid": ("access-sandbox-{uuid}", "access-production-{uuid}"),
    "shopify": ("shpat_{h32}", "shpss_{h32}", "shpca_{h32}"),
    "flutterwave": ("FLWSECK_TEST-{h32}-X", "FLWSECK-{h32}-X"),
    "razorpay": ("rzp_live_{w14}", "rzp_test_{w14}"),
    "slack": ("xoxb-{912}-{913}-{w24}", "xoxp-{912}-{912}-{912}-{h32}", "xapp-1-A{A10}-{913}-{h64}", "https://hooks.slack.com/services/T{A8}/B{A10}/{w24}", "xoxe.xoxp-1-{w163}"),
    "discord": ("MT{w24}.{w6}.{u27}", "ND{w22}.{w6}.{u38}", "https://discord.com/api/webhooks/{918}/{u68}"),
    "telegram": ("{910}:AA{u33}", "https://api.telegram.org/bot{99}:AA{u33}/getMe"),
    "twilio": ("SK{h32}", "TWILIO_AUTH_TOKEN={h32}"),
    "sendgrid": ("SG.{u22}.{u43}",),
    "mailgun": ("key-{h32}", "{h32}-{h8}-{h8}"),
    "mailchimp": ("{h32}-us12", "{h32}-us6"),
    "postmark": ("X-Postmark-Server-Token: {uuid}",),
    "databricks": ("dapi{h32}", "dapi{h32}-2"),
    "urls": ("postgres://app:{w14}@db.internal:5432/shop", "mongodb+srv://root:{w18}@cluster0.{l5}.mongodb.net/test", "redis://:{w20}@cache:6379/0", "amqp://mq:{w10}@rabbit:5672", "mysql://svc:p{w11}!@10.0.0.7/main"),
    "supabase": ("sbp_{h40}", "sb_secret_{u31}"),
    "planetscale": ("pscale_tkn_{u43}", "pscale_pw_{u43}"),
    "newrelic": ("NRAK-{A27}",),
    "grafana": ("glsa_{w32}_{h8}", "glc_{b120}=="),
    "sentry": ("sntrys_{w120}_{w43}", "sntryu_{h64}"),
    "dynatrace": ("dt0c01.{A24}.{A64}",),
    "notion": ("secret_{w43}", "ntn_{911}{w35}"),
    "linear": ("lin_api_{w40}",),
    "figma": ("figd_{u40}",),
    "airtable": ("pat{w14}.{h64}",),
    "atlassian": ("ATATT3xFfGF0{u180}={A8}",),
    "asana": ("1/{916}:{h32}",),
    "dropbox": ("sl.{u136}",),
    "facebook": ("EAA{w180}",),
    "twitter": ("AAAAAAAAAAAAAAAAAAAAA{w80}",),
    "okta": ("Authorization: SSWS 00{u40}",),
    "1password": ("ops_eyJ{b280}",),
    "age": ("AGE-SECRET-KEY-1{A58}",),
    "headers": ("Authorization: Bearer {u40}", "Authorization: token {h40}", "x-api-key: {w32}"),
    "shopware": ("whsec_{b32}=",),
    "tailscale": ("tskey-auth-{w12}-{w32}",),
    "postman": ("PMAK-{h24}-{h34}",),
    "hubspot": ("pat-na1-{uuid}",),
}  # fmt: skip  # one vendor a line

UNLISTED: dict[str, tuple[str, ...]] = {
    "acme": ("{w32}", "{h32}"),
    "datadog": ("{h32}", "{h40}"),
    "algolia": ("{h32}",),
    "mistral": ("{w32}",),
    "cohere": ("{w40}",),
    "travis": ("{w22}",),
    "codecov": ("{uuid}",),
    "linode": ("{h64}",),
    "zendesk": ("{w40}",),
    "auth0": ("{u64}",),
    "snowflake": ("{w24}",),
    "linkedin": ("{w16}",),
    "adyen": ("{w40}",),
    "fastly": ("{u32}",),
    "deepgram": ("{h40}",),
}


def _named(vendor: str, value: str, dice: Random) -> str:
    upper, noun = vendor.upper(), dice.choice(("api_key", "secret", "token", "client_secret", "access_token", "apiKey"))
    return dice.choice(
        (
            f"{upper}_{noun.upper()}={value}",
            f'export {upper}_API_KEY="{value}"',
            f'"{vendor}_{noun}": "{value}"',
            f"{vendor}:\n  {noun}: {value}\n",
            f"my {vendor} API key is {value}",
            f"{noun} = '{value}'",
            f"https://api.{vendor}.com/v1/items?{noun}={value}&page=2",
            f"curl -H 'X-{vendor.title()}-Api-Key: {value}' https://api.{vendor}.com",
            f"client = {vendor.title()}({noun}='{value}')",
            f"--{vendor}-{noun.replace('_', '-')} {value}",
        )
    )


def _jwt(dice: Random) -> str:
    def part(value: dict[str, str | int]) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")

    header = part({"alg": dice.choice(("HS256", "RS256")), "typ": "JWT"})
    return f"{header}.{part({'sub': _form('{910}', dice), 'iat': 1_700_000_000})}.{_form('{u43}', dice)}"


def _checked(start: str, dice: Random) -> str:
    body = _form("{w30}", dice)
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return start + body + (digits if dice.random() < 0.5 else _form("{w6}", dice))


def _pem(dice: Random) -> str:
    name = dice.choice(("RSA ", "", "EC ", "OPENSSH "))
    lines = "\n".join(_form("{b64}", dice) for _ in range(dice.randint(2, 12)))
    key = f"-----BEGIN {name}PRIVATE KEY-----\n{lines}\n-----END {name}PRIVATE KEY-----"
    return key.replace("\n", "\\n") if dice.random() < 0.3 else key


def _password(dice: Random) -> str:
    word = (
        dice.choice(("Winter", "hello", "Tiger", "kestrel", "Blue", "Quarz"))
        + dice.choice("!@#$-")
        + _form("{w5}{92}", dice)
    )
    return dice.choice((f"password={word}", f'"password": "{word}"', f"DB_PASSWORD='{word}'", f"mysql --password={word} -u root", f"curl -u admin:{word} https://x.example/api"))  # fmt: skip


def _basic(dice: Random) -> str:
    return (
        "Authorization: Basic "
        + base64.b64encode(f"svc-{_form('{l4}', dice)}:{_form('{w14}', dice)}".encode()).decode()
    )


MADE: dict[str, Callable[[Random], str]] = {
    "jwt": _jwt,
    "github_checked": lambda dice: _checked(dice.choice(("ghp_", "gho_", "ghs_", "ghu_", "ghr_")), dice),
    "npm": lambda dice: _checked("npm_", dice),
    "private_key": _pem,
    "password": _password,
    "basic": _basic,
}

_CONTEXTS = (
    "{}",
    "Hi, my key {} stopped working yesterday, can you help?",
    "It fails with {}.",
    "Please rotate {} as soon as you can",
    "Ich bekomme einen Fehler mit {} seit heute.",
    "here's what I use: `{}`",
    "TOKEN={}",
    "SERVICE_CREDENTIAL={}\nDEBUG=1\n",
    '{{"name": "prod", "value": "{}", "ttl": 3600}}',
    "config:\n  region: eu-west-1\n  auth: {}\n",
    "client = Client('{}')",
    'const c = new Client("{}");',
    "2024-05-01T10:11:12Z ERROR auth failed for {} (403)",
    "curl -X POST https://api.example.com/v1/run -H 'X-Auth: {}'",
    "see https://example.com/cb?state=1&t={}&lang=en",
    "| prod | {} |",
    "<entry>{}</entry>",
    "ENV API_CRED {}",
    "first line\\n{}\\nlast line",
    "({})",
    "my id,{},2024",
    "the assistant said: “{}”",
)

_TALK = (
    "Where do I put my sk- key?", "The variable is called GITHUB_TOKEN and starts with ghp_", "AKIA is the prefix of AWS access keys",
    "task-force and risk-averse-people-who-talk-much", "eyJ is how a JWT begins", "password: required", "Password: must be 8-20 characters",
    "I forgot my password, how do I reset it?", "the api_key parameter is a string", "token = os.environ['TOKEN']", "password = getpass.getpass()",
    "api_key: ${API_KEY}", "api_key={{ vault.api_key }}", "secret: <your secret here>", "postgres://user:password@localhost/db",
    "https://user@example.com:8080/path", "max_tokens: 4096, total_tokens=1234567", "the primary key is user_id_2024", "keyboard shortcut: ctrl+shift+alt+7",
    "passengers: 12345678", "import sklearn; sk-learn-intro-to-random-forests-v2-2024", "Authorization: Bearer <token>", "Authorization: Bearer YOUR_ACCESS_TOKEN",
    "Basic understanding of cryptography101 is needed", "const password = req.body.password;", "secretName: my-app-tls-2024-cert", "token_type: bearer, expires_in: 3600",
    "sort_key=created_at_2024_desc", "cache_key: product-list-page-17-v3", "author: O'Neill, keynote: 10:30", "glpat- tokens expire after 365 days", "-----BEGIN PUBLIC KEY-----",
    "password_hash: $2b$12$abcdefghijklmnopqrstuv", "hf_hub_download(repo_id='bert-base-uncased')", "pip install pypi-attestations==0.0.21",
    "the header -----BEGIN PRIVATE KEY----- opens a PEM file", "use `npm_config_registry_mirror_for_internal_packages`", "--token-limit 4096 --key-size 2048",
    "key: value", "my keys are on the table next to 4711-20934", "secret santa 2024: 15 participants", "sig=unsigned", "SG. is short for Singapore", "re_compile_pattern_and_match_all",
)  # fmt: skip


def _lookalike(dice: Random) -> tuple[str, str]:
    def hexed(count: int) -> str:
        return _form(f"{{h{count}}}", dice)

    kinds: tuple[tuple[str, Callable[[], str]], ...] = (
        ("example", lambda: dice.choice(("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))),
        ("masked", lambda: dice.choice(("ghp_", "sk-", "glpat-", "sk_live_", "xoxb-", "hf_", "AKIA", "api_key=", "password=")) + dice.choice("xX*0") * dice.randint(8, 40)),
        ("placeholder", lambda: dice.choice(("sk-your-api-key-here", "ghp_your_token_goes_here_1234567890abc", "<YOUR_TOKEN>", "sk-...", "api_key=YOUR_API_KEY_HERE_123", "token: <token>", "sk-proj-REPLACE_ME_WITH_YOUR_KEY_0001", "hf_xxxYourTokenHerexxxxxxxxxxxxxxxxxxx", "xoxb-your-bot-token-1234", "password=changeme123", "sk_test_placeholder_key_for_docs"))),
        ("sequence", lambda: dice.choice(("ghp_", "sk-", "npm_", "glpat-")) + "abcdefghijklmnopqrstuvwxyz0123456789"),
        ("uuid", lambda: dice.choice(("order ", "request_id=", "trace ", "id: ", "idempotency_key=", "")) + _form("{uuid}", dice)),
        ("sha", lambda: dice.choice(("commit ", "merged in ", "sha256:", "sha256=", "etag: ", "md5 ", "HEAD is at ", "image@sha256:")) + hexed(dice.choice((32, 40, 64)))),
        ("sri", lambda: f'<script src="a.js" integrity="sha384-{base64.b64encode(hashlib.sha384(hexed(9).encode()).digest()).decode()}">'),
        ("image", lambda: "data:image/png;base64,iVBORw0KGgo" + base64.b64encode(dice.randbytes(dice.randint(90, 900))).decode()),
        ("publishable", lambda: dice.choice(("pk_live_", "pk_test_")) + _form("{w24}", dice)),
        ("public_key", lambda: "ssh-rsa AAAAB3NzaC1yc2E" + base64.b64encode(dice.randbytes(256)).decode() + " me@host"),
        ("certificate", lambda: "-----BEGIN CERTIFICATE-----\n" + "\n".join(_form("{b64}", dice) for _ in range(5)) + "\n-----END CERTIFICATE-----"),
        ("number", lambda: dice.choice(("order no. ", "invoice ", "tracking 1Z", "ISBN ", "card ref ")) + _form("{A4}-{95}-{99}", dice)),
        ("version", lambda: f"upgrade to v{_form('{91}.{92}.{91}', dice)}-rc.1+build.{_form('{h8}', dice)}"),
        ("path", lambda: f"/usr/local/lib/python3.11/site-packages/{_form('{l8}', dice)}/secrets/key_{_form('{93}', dice)}.py"),
        ("minified", lambda: f"chunk-{_form('{w8}', dice)}.js main.{hexed(20)}.css"),
        ("lorem", lambda: "Lorem ipsum dolor sit amet, consectetur key adipiscing elit, token sed do eiusmod secret tempor " + _form("{94}", dice)),
        ("prefix_word", lambda: dice.choice(("sk-", "pat-", "hf_", "key-", "re_", "test_", "live_", "api-", "as-")) + dice.choice(("learn-tutorial-for-beginners", "configuration_loader_factory_bean", "international-association", "ConfigurationPropertiesBinder", "response-time-percentile-chart"))),
        ("short", lambda: dice.choice(("ghp_", "AKIA", "sk-", "hf_", "xoxb-", "glpat-")) + _form("{w5}", dice)),
        ("talk", lambda: dice.choice(_TALK)),
        ("talk", lambda: dice.choice(_TALK)),
        ("talk", lambda: dice.choice(_TALK)),
    )  # fmt: skip
    kind, make = dice.choice(kinds)
    return kind, make()


def secret_samples(seed: int, count: int, *, unlisted: float = 0.1) -> list[Sample]:
    """`count` samples, half of them credentials, of which the share `unlisted` have no form of their own."""
    dice = Random(seed)
    made: list[Sample] = []
    for number in range(count):
        if number % 2:
            kind, text = _lookalike(dice)
        elif dice.random() < unlisted:
            kind = dice.choice(sorted(UNLISTED))
            made.append(Sample(_named(kind, _form(dice.choice(UNLISTED[kind]), dice), dice), 1, f"unlisted_{kind}"))
            continue
        else:
            kind = dice.choice(sorted({*FORMS, *MADE}))
            text = MADE[kind](dice) if kind in MADE else _form(dice.choice(FORMS[kind]), dice)
        context = (
            "{}" if kind in ("sequence", "sha", "uuid", "short") and dice.random() < 0.5 else dice.choice(_CONTEXTS)
        )
        made.append(Sample(context.replace("{}", text), 1 - number % 2, kind))
    return made


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=2000)
    options.add_argument("--unlisted", type=float, default=0.1, help="share of credentials without a form of their own")
    given = options.parse_args()
    for sample in secret_samples(given.seed, given.count, unlisted=given.unlisted):
        sys.stdout.buffer.write(orjson.dumps(sample._asdict()) + b"\n")


if __name__ == "__main__":
    main()
