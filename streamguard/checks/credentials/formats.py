"""The token formats of vendors, as a table: where a token begins, what follows, what is asked of it beside its form.

Written from what vendors publish about their tokens, and from tokens that their tools print. Longer than other files: a row
a format. `streamguard.checks.credentials.named` finds credentials that have no form of their own by the names they are given.

Every expression runs on stdlib `re`, anchored beside a literal that was found and on a bounded piece of text: repetitions are
counted and no two that share characters stand side by side, so the work at one literal has a fixed bound. No match holds a
space or a character beyond ASCII (`secrets.open_from` relies on it).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from streamguard.checks.credentials.entropy import base62_crc32, is_jwt

Proof = Literal["drawn", "dense", "mixed", "password", "basic", "form"]
"""What the token's body must look like: drawn at random; drawn from capitals, among which words come up by
chance; drawn from letters of both cases and digits; a password; base64 of `user:password`; or nothing, where the form alone says enough."""

_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""Not inside a word; an escaped line break or character before it is not part of one."""
WORD = r"(?![A-Za-z0-9])"
TOKEN = r"(?![A-Za-z0-9_-])"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True, slots=True)
class SecretRule:
    """A token format.

    It is looked for only where one of `literals` stands (in any case). `expression` is matched there, or from the start of the
    at most `before` characters of the class `back` in front of it; its group 1 is the part that is judged by `proof`, and with `inner` the part
    that is masked, else the whole match is. `more` are characters that belong to the token however many follow.
    """

    kind: str
    literals: tuple[str, ...]
    expression: str
    proof: Proof = "drawn"
    before: int = 0
    back: str = ""
    inner: bool = False
    more: str = ""
    checksum: Callable[[str], bool] | None = None
    score: float = 0.95


def _last_six(token: str) -> bool:
    body = token[token.index("_") + 1 :]
    return len(body) == 36 and base62_crc32(body[:-6]) == body[-6:]


def _fixed(
    kind: str, starts: str | tuple[str, ...], body: str, *, proof: Proof = "drawn", score: float = 0.95
) -> SecretRule:
    """`body` says exactly how long the token is: it must end there."""
    starts = (starts,) if isinstance(starts, str) else starts
    end = TOKEN if "_" in body or r"\w" in body else WORD
    return SecretRule(kind, starts, f"{_START}(?:{'|'.join(map(re.escape, starts))})({body}){end}", proof, score=score)


def _open(
    kind: str,
    starts: str | tuple[str, ...],
    least: int,
    *,
    more: str = r"[A-Za-z0-9_-]",
    proof: Proof = "drawn",
    checksum: Callable[[str], bool] | None = None,
) -> SecretRule:
    """At least `least` characters of `more`, and as many as follow."""
    starts = (starts,) if isinstance(starts, str) else starts
    body = f"{more}{{{least},{max(64, least)}}}"
    expression = f"{_START}(?:{'|'.join(map(re.escape, starts))})({body})"
    return SecretRule(kind, starts, expression, proof, more=more, checksum=checksum)


_ALNUM = r"[A-Za-z0-9]"
_BASE64 = r"[A-Za-z0-9+/=]"
_SEGMENT = r"[A-Za-z0-9_-]"

RULES: tuple[SecretRule, ...] = (
    # Clouds
    _fixed("aws_access_key", ("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z0-9]{16}", proof="dense"),
    SecretRule("aws_secret_key", ("AKIA", "ASIA"), rf"{_START}A[KS]IA[A-Z0-9]{{16}}[^A-Za-z0-9/+]{{1,8}}([A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+=])", proof="mixed", inner=True),
    _open("aws_session_token", ("IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz"), 60, more=_BASE64),
    _open("aws_bedrock_key", ("ABSK", "bedrock-api-key-"), 60, more=_BASE64),
    _fixed("aws_marketplace_token", "amzn.mws.", _UUID, proof="form"),
    _fixed("google_api_key", "AIza", r"[\w-]{35}"),
    _open("google_api_key", "AQ.Ab", 40),
    _open("google_oauth_token", "ya29.", 20, more=r"[A-Za-z0-9_.-]"),
    _fixed("google_oauth_secret", "GOCSPX-", r"[\w-]{28}"),
    _open("google_refresh_token", "1//0", 35),
    SecretRule("azure_storage_key", ("AccountKey=", "SharedAccessKey="), r"(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,88}={0,2})", inner=True),
    SecretRule("azure_sas_signature", ("sig=",), r"(?<![A-Za-z0-9])sig=((?:[A-Za-z0-9+/_-]|%[0-9A-Fa-f]{2}){40,70}=?)", inner=True),
    SecretRule("azure_client_secret", ("q~",), r"(?<![A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~-])", before=4, back=r"[A-Za-z0-9_~.-]"),
    SecretRule("azure_access_key", ("JQQJ99", "ACDbA", "AzFu", "AzSe", "+ASt", "+ARm", "AIoT"), r"(?<![A-Za-z0-9+/])([A-Za-z0-9+/_-]{42,76}(?:JQQJ99|ACDbA|AzFu|AzSe|\+ASt|\+ARm|AIoT)[A-Za-z0-9+/_-]{4,40}={0,2})(?![A-Za-z0-9+/])", before=76, back=r"[A-Za-z0-9+/_-]"),
    _fixed("digitalocean_token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"[a-f0-9]{64}"),
    _fixed("digitalocean_spaces_key", "DO00", r"[A-Z0-9]{16}"),
    _fixed("alibaba_access_key", "LTAI", r"[A-Za-z0-9]{12,30}"),
    _fixed("tencent_secret_id", "AKID", r"[A-Za-z0-9]{32}"),
    SecretRule("cloudflare_origin_key", ("v1.0-",), rf"{_START}v1\.0-([a-f0-9]{{24}}-[a-f0-9]{{100,160}}){WORD}"),
    _open("cloudflare_token", ("cfut_", "cfat_", "cfk_"), 36),
    _open("heroku_api_key", "HRKU-", 36),
    _open("vercel_token", ("vercel_blob_rw_", "vcp_", "vci_", "vca_", "vcr_", "vck_"), 24),
    _open("netlify_token", ("nfp_", "nfc_", "nfb_", "nfu_", "nfo_"), 36),
    _open("fly_token", "fo1_", 40),
    _open("fly_token", ("fm1a_", "fm1r_", "fm2_"), 60, more=_BASE64),
    _fixed("render_api_key", "rnd_", r"[A-Za-z0-9]{26,40}"),
    _fixed("scalingo_token", "tk-us-", r"[\w-]{48}"),
    _fixed("yandex_api_key", "AQVN", r"[A-Za-z0-9_-]{35,38}"),
    _open("yandex_token", ("t1.", "y0_"), 55, more=r"[A-Za-z0-9_.=-]"),
    _fixed("akamai_token", ("akab-", "akaa-"), r"[a-z0-9]{16}-[a-z0-9]{16}"),
    _fixed("tailscale_key", "tskey-", r"(?:[a-z]{3,10}-)?[A-Za-z0-9]{9,24}(?:-[A-Za-z0-9]{20,40})?"),
    _open("ibm_api_key", ("ApiKey-",), 36),
    # Code, packages, builds
    _open("github_token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), 36, more=_ALNUM, checksum=_last_six),
    _open("github_fine_grained_token", "github_pat_", 60, more=r"[A-Za-z0-9_]"),
    _open("gitlab_token", ("glpat-", "gldt-", "glrt-", "glrtr-", "glft-", "glimt-", "glagent-", "gloas-", "glcbt-", "glptt-", "glsoat-", "glffct-", "glwt-"), 20, more=r"[A-Za-z0-9_.-]"),
    _fixed("gitlab_runner_registration_token", "GR1348941", r"[\w-]{20}"),
    _open("bitbucket_token", ("ATBB", "ATCTT3"), 24, more=r"[A-Za-z0-9_=-]"),
    _open("atlassian_token", "ATATT3", 50, more=r"[A-Za-z0-9_=-]"),
    _open("npm_token", "npm_", 36, more=_ALNUM, checksum=_last_six),
    _open("pypi_token", "pypi-", 50),
    _fixed("rubygems_key", "rubygems_", r"[a-f0-9]{48}"),
    _fixed("crates_token", "cio", r"[A-Za-z0-9]{32}", proof="mixed"),
    _fixed("nuget_key", "oy2", r"[a-z0-9]{43}"),
    _fixed("clojars_token", "CLOJARS_", r"[A-Za-z0-9]{60}"),
    _open("docker_hub_token", ("dckr_pat_", "dckr_oat_"), 20),
    SecretRule("terraform_token", (".atlasv1.",), rf"{_START}([A-Za-z0-9]{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{60,70}}){TOKEN}", before=14, back=r"[A-Za-z0-9]"),
    _fixed("pulumi_token", "pul-", r"[a-f0-9]{40}"),
    _open("vault_token", ("hvs.", "hvb.", "hvr."), 24),
    _open("doppler_token", ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."), 40, more=r"[A-Za-z0-9_.-]"),
    _open("snyk_token", ("snyk_uat.", "snyk_sat."), 40, more=r"[A-Za-z0-9_.-]"),
    _fixed("sonar_token", ("sqp_", "squ_", "sqa_"), r"[a-f0-9]{40}"),
    _open("jfrog_key", "AKCp", 60, more=_ALNUM),
    _open("jfrog_reference_token", "cmVmd", 56, more=_ALNUM),
    _open("circleci_token", ("CCIPAT_", "CCIPRJ_"), 40),
    _fixed("buildkite_token", ("bkua_", "bkpt_"), r"[a-f0-9]{40}"),
    _open("buildkite_token", ("bkct_", "bkaj_"), 30),
    _fixed("postman_key", "PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}"),
    _fixed("prefect_key", ("pnu_", "pnb_"), r"[A-Za-z0-9]{36}"),
    _fixed("sourcegraph_token", ("sgp_", "sgd_"), r"(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40,64}"),
    _fixed("launchdarkly_key", ("sdk-", "api-"), _UUID, proof="form", score=0.8),
    _fixed("readme_key", "rdme_", r"[a-z0-9]{70,74}"),
    _fixed("infracost_key", "ico-", r"[A-Za-z0-9]{32}", proof="mixed"),
    _fixed("octopus_key", "API-", r"[A-Z0-9]{25,28}", proof="dense"),
    _fixed("openshift_token", "sha256~", r"[\w-]{43}"),
    SecretRule("harness_key", ("pat.", "sat."), rf"{_START}[ps]at\.([\w-]{{22}}\.[A-Za-z0-9]{{24}}\.[A-Za-z0-9]{{20}}){WORD}"),
    # Models
    SecretRule("openai_key", ("sk-",), rf"{_START}sk-(?:proj|svcacct|admin|None|service)-({_SEGMENT}{{20,64}})", more=_SEGMENT),
    SecretRule("openai_key", ("sk-",), rf"{_START}sk-(?!ant-)((?:[a-z][a-z0-9]{{0,9}}-){{0,2}}[A-Za-z0-9]{{32,64}})", more=_ALNUM),
    SecretRule("anthropic_key", ("sk-ant-",), rf"{_START}sk-ant-[a-z0-9]{{2,10}}-({_SEGMENT}{{20,64}})", more=_SEGMENT),
    _open("huggingface_token", ("hf_", "api_org_"), 34, more=_ALNUM),
    _fixed("replicate_token", "r8_", r"[A-Za-z0-9]{37,40}"),
    _open("groq_key", "gsk_", 40, more=_ALNUM),
    _open("perplexity_key", "pplx-", 40, more=_ALNUM),
    _open("xai_key", "xai-", 60, more=_ALNUM),
    _open("pinecone_key", "pcsk_", 40, more=r"[A-Za-z0-9_]"),
    SecretRule("langsmith_key", ("lsv2_",), rf"{_START}lsv2_(?:pt|sk)_([a-f0-9]{{32}}_[a-f0-9]{{10}}){WORD}"),
    SecretRule("langfuse_key", ("sk-lf-",), rf"{_START}sk-lf-({_UUID}){WORD}", proof="form"),
    _fixed("nvidia_key", "nvapi-", r"[\w-]{60,72}"),
    _open("tavily_key", ("tvly-dev-", "tvly-prod-", "tvly-"), 28),
    _open("jina_key", "jina_", 50),
    _fixed("voyage_key", "pa-", r"[A-Za-z0-9_-]{43}"),
    _fixed("cerebras_key", "csk-", r"[a-z0-9]{48}"),
    _open("fireworks_key", "fw_", 22, more=_ALNUM),
    _open("together_key", "tgp_v1_", 40),
    SecretRule("elevenlabs_key", ("sk_",), rf"{_START}sk_([a-f0-9]{{48}}){WORD}"),
    _fixed("firecrawl_key", "fc-", r"[a-f0-9]{32}"),
    _fixed("e2b_key", "e2b_", r"[a-f0-9]{40}"),
    _fixed("modal_token", ("ak-", "as-"), r"[A-Za-z0-9]{22}", proof="mixed"),
    _open("runpod_key", "rpa_", 40, more=_ALNUM),
    _open("wandb_key", "wandb_v1_", 40),
    # Payments, shops
    _open("stripe_key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_", "sk_org_live_", "sk_org_test_"), 12, more=_ALNUM),
    _open("webhook_secret", "whsec_", 24, more=_BASE64),
    _open("square_token", ("sq0atp-", "sq0csp-", "sq0asa-"), 22),
    _open("square_token", "EAAA", 40, proof="mixed"),
    SecretRule("braintree_token", ("access_token$",), r"access_token\$(?:production|sandbox)\$([0-9a-z]{16}\$[0-9a-f]{32})"),
    _open("adyen_key", "AQE", 60, more=r"[A-Za-z0-9+/=.\-\]^}{*>!<#$%&?@\[_~]"),
    SecretRule("plaid_token", ("access-sandbox-", "access-development-", "access-production-"), rf"{_START}access-(?:sandbox|development|production)-({_UUID}){WORD}", proof="form"),
    _fixed("shopify_token", ("shpat_", "shpca_", "shppa_", "shpss_", "shptka_", "shpua_"), r"[a-fA-F0-9]{32}"),
    SecretRule("flutterwave_key", ("FLWSECK",), rf"{_START}FLWSECK(?:_TEST|_LIVE)?-([A-Za-z0-9]{{12,48}})(?:-X)?"),
    _fixed("razorpay_key", ("rzp_live_", "rzp_test_"), r"[A-Za-z0-9]{14}"),
    _fixed("easypost_key", ("EZAK", "EZTK"), r"[A-Za-z0-9]{54}"),
    _fixed("shippo_token", ("shippo_live_", "shippo_test_"), r"[a-fA-F0-9]{40}"),
    _open("payment_key", ("live_", "test_"), 30, more=_ALNUM),
    _open("paddle_key", ("pdl_live_apikey_", "pdl_sdbx_apikey_"), 40, more=r"[A-Za-z0-9_]"),
    _open("duffel_token", ("duffel_test_", "duffel_live_"), 40, more=r"[A-Za-z0-9_=-]"),
    # Messages, mail
    SecretRule("slack_token", ("xox",), rf"{_START}xox(?:[a-eopr-s]-|e\.xox[bp]-)(?:[0-9]{{1,14}}-){{0,3}}+([A-Za-z0-9%-]{{8,64}})", more=r"[A-Za-z0-9%-]"),
    _open("slack_app_token", "xapp-", 30),
    SecretRule("slack_webhook", ("hooks.slack.com/",), r"hooks\.slack\.com/(?:services|workflows|triggers)/(?:[A-Z0-9]{6,14}/){1,2}([A-Za-z0-9+/]{16,80})", more=r"[A-Za-z0-9+/]"),
    SecretRule("discord_webhook", ("/api/webhooks/",), rf"/api/webhooks/[0-9]{{15,20}}/({_SEGMENT}{{50,80}})", inner=True),
    SecretRule("teams_webhook", (".webhook.office.com/",), r"\.webhook\.office\.com/webhookb2/([A-Za-z0-9-]{36}@[A-Za-z0-9-]{36}/IncomingWebhook/[A-Za-z0-9]{32}/[A-Za-z0-9-]{36,90})", proof="form", inner=True),
    SecretRule("zapier_webhook", ("hooks.zapier.com/",), r"hooks\.zapier\.com/hooks/catch/([0-9]{4,10}/[A-Za-z0-9]{5,12})", proof="form", inner=True),
    SecretRule("telegram_token", (":aa",), rf"(?<![0-9])[0-9]{{8,10}}:(AA[A-Za-z0-9_-]{{32,34}}){TOKEN}", before=10, back=r"[0-9]"),
    _fixed("sendgrid_key", "SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    _fixed("mailgun_key", ("key-", "pubkey-"), r"[a-f0-9]{32}"),
    SecretRule("mailchimp_key", ("-us",), rf"{_START}([0-9a-f]{{32}}-us[0-9]{{1,2}}){WORD}", before=32, back=r"[0-9a-f]"),
    _fixed("mandrill_key", "md-", r"[A-Za-z0-9_-]{22}", proof="mixed"),
    _fixed("brevo_key", ("xkeysib-", "xsmtpsib-"), r"[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    _fixed("resend_key", "re_", r"[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,30}", proof="mixed"),
    _open("intercom_token", "dG9rO", 40, more=_BASE64),
    _fixed("hubspot_token", ("pat-na1-", "pat-na2-", "pat-eu1-", "pat-eu2-", "pat-ap1-"), _UUID, proof="form"),
    _open("onesignal_key", ("os_v2_app_", "os_v2_org_"), 50, more=_ALNUM),
    # Data, observation
    _fixed("databricks_token", ("dapi", "dkea", "dose"), r"[a-f0-9]{32}(?:-\d)?"),
    _fixed("supabase_token", "sbp_", r"(?:v0_)?[a-f0-9]{40}"),
    _open("supabase_key", "sb_secret_", 20),
    _open("planetscale_token", ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), 32, more=r"[A-Za-z0-9_=.-]"),
    _open("neon_key", "napi_", 40, more=_ALNUM),
    _open("confluent_secret", "cflt", 56, more=r"[A-Za-z0-9+/]"),
    _fixed("aiven_password", "AVNS_", r"[A-Za-z0-9_-]{16,24}"),
    _fixed("clickhouse_key", "4b1d", r"[A-Za-z0-9]{38}", proof="mixed"),
    _fixed("new_relic_key", ("NRAK-", "NRRA-"), r"[A-Za-z0-9]{27,42}", proof="dense"),
    _fixed("new_relic_key", "NRII-", r"[A-Za-z0-9_-]{32}"),
    _fixed("new_relic_key", "NRJS-", r"[a-f0-9]{19}"),
    SecretRule("new_relic_key", ("nral",), rf"{_START}([a-f0-9]{{36}}(?:NRAL|FFFF[A-Z0-9]{{0,4}}NRAL)){WORD}", before=40, back=r"[a-f0-9]"),
    _fixed("grafana_token", "glsa_", r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    _open("grafana_cloud_token", ("glc_", "eyJrIjoi"), 32, more=_BASE64),
    _open("sentry_token", "sntrys_", 40, more=r"[A-Za-z0-9+/=_]"),
    _fixed("sentry_token", "sntryu_", r"[a-f0-9]{64}"),
    SecretRule("dynatrace_token", ("dt0c01.", "dt0s01.", "dt0s02.", "dt0s08.", "dt0s16."), rf"{_START}dt0[cs]\d\d\.([A-Za-z0-9]{{8,24}}\.[A-Za-z0-9]{{40,64}}){WORD}", proof="dense"),
    _open("honeycomb_key", ("hcaik_", "hcaic_", "hcaid_", "hcamk_"), 32, more=_ALNUM),
    _open("posthog_key", ("phx_", "phs_"), 40, more=_ALNUM),
    _open("mapbox_token", "sk.eyJ", 60, more=r"[A-Za-z0-9_.-]"),
    # Offices, social
    _fixed("notion_token", "secret_", r"[A-Za-z0-9]{43}"),
    _fixed("notion_token", "ntn_", r"[A-Za-z0-9]{40,50}"),
    _open("linear_key", ("lin_api_", "lin_oauth_"), 32, more=_ALNUM),
    _open("figma_token", ("figd_", "figo_", "figu_"), 36),
    SecretRule("airtable_token", ("pat",), rf"{_START}pat([A-Za-z0-9]{{14}}\.[a-f0-9]{{64}}){WORD}"),
    _fixed("clickup_token", "pk_", r"[0-9]{6,10}_[A-Z0-9]{32}"),
    _fixed("trello_token", "ATTA", r"[a-f0-9]{60,76}"),
    _open("dropbox_token", ("sl.",), 60),
    _open("facebook_token", "EAA", 80, more=_ALNUM),
    _open("instagram_token", ("IGQ", "IGA"), 80),
    _open("linkedin_secret", "WPL_AP", 16, more=r"[A-Za-z0-9_.=/+]"),
    SecretRule("okta_token", ("SSWS ",), rf"SSWS\s{{1,3}}({_SEGMENT}{{38,64}})", more=_SEGMENT, inner=True),
    _open("contentful_token", "CFPAT-", 40),
    _open("typeform_token", "tfp_", 40),
    _fixed("frameio_token", "fio-u-", r"[A-Za-z0-9_=-]{64}"),
    _open("1password_token", "ops_", 60, more=_BASE64),
    SecretRule("1password_secret_key", ("A3-",), rf"{_START}(A3-[A-Z0-9]{{6}}-(?:[A-Z0-9]{{11}}|[A-Z0-9]{{6}}-[A-Z0-9]{{5}})(?:-[A-Z0-9]{{5}}){{3}}){WORD}"),
    _fixed("adobe_secret", "p8e-", r"[A-Za-z0-9_-]{32}"),
    SecretRule("age_secret_key", ("AGE-SECRET-KEY-1",), rf"{_START}AGE-SECRET-KEY-1([A-Z0-9]{{58}}){WORD}"),
    _open("bitcoin_private_key", "xprv", 90, more=_ALNUM),
    # Forms that many share
    SecretRule("jwt", ("eyJ",), rf"{_START}eyJ({_SEGMENT}{{8,400}}\.{_SEGMENT}{{8,64}})", more=r"[A-Za-z0-9_.=-]", checksum=is_jwt, score=0.9),
    _open("encoded_private_key", ("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS", "LS0tLS1CRUdJTiBFQyBQUklWQVRF", "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZB", "LS0tLS1CRUdJTiBFTkNSWVBURUQ", "LS0tLS1CRUdJTiBEU0EgUFJJVkFURS"), 16, more=_BASE64, proof="form"),
    SecretRule("bearer_token", ("bearer ",), r"(?i:bearer)\s{1,3}([A-Za-z0-9._~+/-]{16,128}={0,2})", more=r"[A-Za-z0-9._~+/=-]", inner=True, score=0.8),
    SecretRule("authorization", ("authorization",), r"(?i:authorization)[\"']?\s{0,2}[:=]\s{0,2}[\"']?(?:[A-Za-z-]{3,12}\s{1,2})?([A-Za-z0-9._~+/-]{16,128}={0,2})", more=r"[A-Za-z0-9._~+/=-]", inner=True, score=0.8),
    SecretRule("basic_auth", ("basic ",), r"(?i:basic)\s{1,3}([A-Za-z0-9+/]{8,200}={0,2})", proof="basic", more=r"[A-Za-z0-9+/=]", inner=True, score=0.9),
    SecretRule("user_password", (" -u ", "--user ", "--user=", " -u\"", " -u'"), r"(?: -u {0,2}|--user[ =]{1,3})[\"']?[^\s:\"'/]{0,64}:[\"']?([!#-&(-~]{5,128})(?=[\s\"']|$)", proof="password", inner=True, score=0.8),
    SecretRule("netrc_password", ("login ",), r"(?<=\s)login\s{1,4}\S{1,80}\s{1,4}(?:password|passwd)\s{1,4}([!-~]{5,128})", proof="password", inner=True, score=0.85),
    SecretRule("url_password", ("://",), r"(?<=[A-Za-z0-9])://[^\s:/@\"'<>`]{0,80}:([!#-&(-.0-;=?A-_a-~]{3,128})@[A-Za-z0-9\[{.]", proof="password", inner=True, score=0.85),
)  # fmt: skip  # one format a line

SHAPES: tuple[tuple[str, str, Proof, float], ...] = (
    ("twilio_key", r"SK[0-9a-fA-F]{32}\b", "drawn", 0.9),
    ("twilio_account", r"AC[0-9a-f]{32}\b", "drawn", 0.7),
    ("discord_token", r"[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}\b", "drawn", 0.9),
    ("discord_token", r"mfa\.[A-Za-z0-9_-]{80,90}\b", "drawn", 0.9),
    ("vault_token", r"s\.[A-Za-z0-9]{24}\b", "mixed", 0.7),
    ("mailgun_key", r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b", "drawn", 0.9),
    ("twitter_bearer", r"A{20,22}([A-Za-z0-9%]{50,150})", "drawn", 0.9),
    ("twitter_token", r"[0-9]{15,20}-([A-Za-z0-9]{40})\b", "mixed", 0.85),
    ("ngrok_token", r"2[A-Za-z0-9]{26}_[A-Za-z0-9]{21}\b", "mixed", 0.85),
    ("facebook_app_token", r"[0-9]{15,16}\|([A-Za-z0-9_-]{27})\b", "mixed", 0.85),
    ("maxmind_key", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b", "drawn", 0.9),
    ("asana_token", r"[012]/[0-9]{16}(?:/[0-9]{16})?:([0-9a-f]{32})\b", "drawn", 0.9),
    ("firebase_key", r"AAAA[A-Za-z0-9_-]{7}:[A-Za-z0-9_-]{100,170}\b", "drawn", 0.9),
)  # fmt: skip  # one format a line
"""`(kind, expression of re2, proof, score)`: formats without a literal worth looking for. They begin between words."""
