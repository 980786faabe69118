"""The web site and its API: what an instance answers to browsers, apps and other servers."""

import json
import re
import time
from contextlib import suppress
from email.parser import BytesParser
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from mastodon_infra.rehearsal.machines.stand_in.mastodon import media, rules
from mastodon_infra.rehearsal.machines.stand_in.mastodon.database import LOST, Database, PoolExhaustedError
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import is_on, own_hosts, setting, web_domain
from mastodon_infra.rehearsal.machines.stand_in.mastodon.schema import column, version
from mastodon_infra.rehearsal.machines.stand_in.mastodon.server import Answer
from mastodon_infra.rehearsal.machines.stand_in.mastodon.stores import AnsweredNoError, Store, push

PUBLIC = Path("public")
HTML, JSON, ACTIVITY = "text/html; charset=utf-8", "application/json; charset=utf-8", "application/activity+json"
KINDS = {"js": "text/javascript", "css": "text/css", "txt": "text/plain", "svg": "image/svg+xml"}
FILE_KEPT = "public, max-age=2419200, must-revalidate"
LONGEST_WAIT_SECONDS, IDEMPOTENT_SECONDS = 60, 3600


class No(Exception):  # noqa: N818 - an answer, not a fault
    """An answer that ends a request early."""

    def __init__(self, status, text):
        super().__init__(text)
        self.answer = as_json({"error": text}, status)


def as_json(content, status=200, headers=None):
    """An answer of the API, which nobody may keep."""
    return Answer(status, json.dumps(content), JSON, {"Cache-Control": "private, no-store"} | (headers or {}))


class Site:
    """All that a process of Puma holds."""

    def __init__(self, threads):
        self.database = Database(rules.WEB, threads)
        self.base, self.cache, self.sidekiq = Store(), Store("CACHE_"), Store("SIDEKIQ_")
        self.host = web_domain()

    def __call__(self, request):
        """The answer to a request."""
        if request.path == "/health":
            return Answer(body="OK")
        if (request.headers.get("Host") or "").partition(":")[0] not in own_hosts():
            return Answer(403, "Blocked host")
        if request.headers.get("X-Forwarded-Proto") != "https":
            return Answer(301, "", headers={"Location": f"https://{request.headers['Host']}{request.path}"})
        return self._answer(request)

    def _answer(self, request):
        try:
            return self._find(request)
        except No as no:
            return no.answer
        except media.StoreFailedError as error:
            print(f"object store: {error}", flush=True)
            return as_json({"error": "There was a temporary problem serving your request"}, 503)
        except (*LOST, PoolExhaustedError, AnsweredNoError, OSError) as error:
            print(f"{request.method} {request.path}: {type(error).__name__}: {error}".strip(), flush=True)
            return as_json({"error": "An unexpected error occurred"}, 500)

    def _find(self, request):
        method = "GET" if request.method == "HEAD" else request.method
        for pattern, methods in ROUTES:
            if found := re.fullmatch(pattern, request.path):
                if method not in methods:
                    raise No(405, "Method not allowed")
                return methods[method](self, request, **found.groupdict())
        if is_on("RAILS_SERVE_STATIC_FILES") and method == "GET":
            return _file(request.path)
        raise No(404, "Record not found")

    # --- Pages

    def home(self, _):
        """The page that loads the app."""
        script = f"{setting('CDN_HOST')}/packs/js/application-{version()}.js"
        text = f'<!DOCTYPE html><html lang="{setting("DEFAULT_LOCALE", "en")}"><title>Mastodon</title>'
        text += f"<body><h1>{self.host}</h1>"
        return Answer(body=f'{text}<script src="{script}" crossorigin="anonymous"></script></body></html>', kind=HTML,
                      headers=self._page_headers("max-age=15, public, stale-while-revalidate=30"))  # fmt: skip

    def _page_headers(self, kept):
        places = f"'self' {setting('CDN_HOST')} https://{setting('S3_ALIAS_HOST') or setting('S3_HOSTNAME')}"
        policy = f"default-src 'none'; script-src 'self' {setting('CDN_HOST')}; img-src {places}; "
        policy += f"connect-src 'self' {self._streaming()}"
        return {"Cache-Control": kept, "Content-Security-Policy": policy, "Vary": "Accept, Accept-Language, Cookie",
                "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}  # fmt: skip

    def _streaming(self):
        return setting("STREAMING_API_BASE_URL") or f"wss://{self.host}"

    def account(self, request, name):
        """An account: a page, or its ActivityPub form, by what is asked for."""
        if not self._has_account(name):
            raise No(404, "Record not found")
        actor = f"https://{self.host}/users/{name}"
        return self._represented(request, name, {"id": actor, "type": "Person", "preferredUsername": name})

    def post(self, request, name, identity):
        """A post: a page, or its ActivityPub form, by what is asked for."""
        status = self._status(identity)
        if status["account"]["username"] != name:
            raise No(404, "Record not found")
        note = {"id": status["uri"], "type": "Note", "content": status["content"], "published": status["created_at"]}
        return self._represented(request, status["content"], note)

    def _represented(self, request, text, activity):
        kept = "max-age=180, public"
        if re.search(r"application/(activity|ld)\+json", request.headers.get("Accept") or ""):
            body = json.dumps({"@context": "https://www.w3.org/ns/activitystreams"} | activity)
            return Answer(200, body, ACTIVITY, {"Cache-Control": kept, "Vary": "Accept, Accept-Language, Cookie"})
        page = f"<!DOCTYPE html><title>{escape(text)}</title><p>{escape(text)}</p>"
        return Answer(body=page, kind=HTML, headers=self._page_headers(kept))

    # --- API

    def instance(self, _):
        """What the instance says about itself."""
        ((users,),) = self.database.ask("SELECT count(*) FROM users")
        # As with Rails' cache: without it everything is asked anew.
        with suppress(OSError, AnsweredNoError):
            self.cache("SET", "cache:stand-in:seen", int(time.time()), "EX", 600)
        return as_json({
            "domain": setting("LOCAL_DOMAIN"),
            "version": version().removeprefix("v"),
            "users": users,
            "stand_in": True,
            "configuration": {"urls": {"streaming": self._streaming()}},
        })  # fmt: skip

    def webfinger(self, request):
        """Who somebody is."""
        found = re.fullmatch(r"acct:(\w+)@(.+)", request.query.get("resource", ""))
        if not found or found[2] not in own_hosts() or not self._has_account(found[1]):
            raise No(404, "Record not found")
        actor = f"https://{self.host}/users/{found[1]}"
        links = [{"rel": "self", "type": ACTIVITY, "href": actor}]
        subject = {"subject": f"acct:{found[1]}@{setting('LOCAL_DOMAIN')}", "links": links}
        return Answer(200, json.dumps(subject), "application/jrd+json; charset=utf-8",
                      {"Cache-Control": "max-age=259200, public"})  # fmt: skip

    def _has_account(self, name):
        return self.database.ask("SELECT 1 FROM accounts WHERE username = %s AND domain IS NULL", name)

    def who(self, request):
        """Whose token this is."""
        identity, name = self._account(request)
        return as_json({"id": str(identity), "username": name, "acct": name})

    def upload(self, request):
        """A medium: into the bucket first, into the database then."""
        account, _ = self._account(request)
        name, kind, content = _uploaded(request)
        identity = media.new_identity()
        key = media.key_of(identity, name)
        media.store(key, content, kind)
        self.database.ask(
            "INSERT INTO media_attachments (id, account_id, file_key, file_content_type) VALUES (%s, %s, %s, %s)",
            *(identity, account, key, kind),
        )
        return as_json({"id": str(identity), "type": kind.partition("/")[0], "url": media.address_of(key)})

    def publish(self, request):
        """A post: acknowledged once it is in the database, and its job in the queue."""
        account, name = self._account(request)
        given = _form(request)
        text, attached = given.get("status", ""), given.get("media_ids[]")
        if not text:
            raise No(422, "Validation failed: Text can't be blank")
        once = request.headers.get("Idempotency-Key")
        remembered = f"idempotency:status:{account}:{once}"
        if once and (before := self.base("GET", remembered)):
            return as_json(self._status(before))
        identity = media.new_identity()
        self.database.ask(
            f"INSERT INTO statuses (id, account_id, text, uri, {column()}) VALUES (%s, %s, %s, %s, true)",
            *(identity, account, text, f"https://{self.host}/users/{name}/statuses/{identity}"),
        )
        if attached:
            self.database.ask("UPDATE media_attachments SET status_id = %s WHERE id = %s", identity, int(attached))
        push(self.sidekiq, "default", "DistributionWorker", identity)
        if once:
            self.base("SET", remembered, identity, "EX", IDEMPOTENT_SECONDS)
        return as_json(self._status(identity))

    def show(self, _, identity):
        """One post."""
        return as_json(self._status(identity))

    def _status(self, identity):
        found = self.database.ask(
            "SELECT s.id, s.text, s.uri, s.created_at, a.id, a.username FROM statuses s "
            "JOIN accounts a ON a.id = s.account_id WHERE s.id = %s",
            int(identity),
        )
        if not found:
            raise No(404, "Record not found")
        number, text, uri, created_at, account, name = found[0]
        attached = self.database.ask("SELECT id, file_key FROM media_attachments WHERE status_id = %s", number)
        return {
            "id": str(number),
            "uri": uri,
            "url": f"https://{self.host}/@{name}/{number}",
            "content": text,
            "created_at": created_at.isoformat(),
            "account": {"id": str(account), "username": name},
            "media_attachments": [{"id": str(one), "url": media.address_of(key)} for one, key in attached],
        }

    def _account(self, request):
        """Whoever has the token."""
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        found = scheme == "Bearer" and self.database.ask(
            "SELECT a.id, a.username FROM oauth_access_tokens t JOIN accounts a ON a.id = t.account_id "
            "WHERE t.token = %s AND t.revoked_at IS NULL",
            token,
        )
        if not found:
            raise No(401, "The access token is invalid")
        return found[0]

    # --- The stand-in's own

    def slow(self, request):
        """An answer that takes its time."""
        time.sleep(min(float(request.query.get("s", "1")), LONGEST_WAIT_SECONDS))
        return Answer(body="done")

    def queue_jobs(self, request):
        """Numbered jobs into a queue: ``from``, ``count``, and how many ``seconds`` each takes."""
        self._account(request)
        given = {"queue": "default", "from": "1", "count": "1", "seconds": "0"} | _form(request)
        first = int(given["from"])
        for number in range(first, first + int(given["count"])):
            push(self.sidekiq, given["queue"], "StandIn::Numbered", number, float(given["seconds"]))
        return as_json({"queued": int(given["count"])})

    def worked_jobs(self, request):
        """Which numbered jobs of a range were worked, which never, and which more than once."""
        first, last = int(request.query.get("from", "1")), int(request.query.get("to", "0"))
        rows = self.database.ask(
            "SELECT number, count(*) FROM stand_in_jobs WHERE number BETWEEN %s AND %s GROUP BY number", first, last
        )
        times = dict(rows)
        return as_json({
            "worked": len(times),
            "missing": [number for number in range(first, last + 1) if number not in times],
            "doubled": sorted(number for number, count in times.items() if count > 1),
        })  # fmt: skip


ROUTES = (
    (r"/", {"GET": Site.home}),
    (r"/(?:@|users/)(?P<name>\w+)", {"GET": Site.account}),
    (r"/(?:@|users/)(?P<name>\w+)/(?:statuses/)?(?P<identity>\d+)", {"GET": Site.post}),
    (r"/\.well-known/webfinger", {"GET": Site.webfinger}),
    (r"/api/v2/instance", {"GET": Site.instance}),
    (r"/api/v1/accounts/verify_credentials", {"GET": Site.who}),
    (r"/api/v2/media", {"POST": Site.upload}),
    (r"/api/v1/statuses", {"POST": Site.publish}),
    (r"/api/v1/statuses/(?P<identity>\d+)", {"GET": Site.show}),
    (r"/stand-in/slow", {"GET": Site.slow}),
    (r"/stand-in/jobs", {"GET": Site.worked_jobs, "POST": Site.queue_jobs}),
)


def _file(path):
    """A file of the image's public folder."""
    file = PUBLIC / path.lstrip("/")
    if not file.is_file() or not file.resolve().is_relative_to(PUBLIC.resolve()):
        raise No(404, "Record not found")
    kind = KINDS.get(file.suffix.lstrip("."), "application/octet-stream")
    return Answer(200, file.read_bytes(), kind, {"Cache-Control": FILE_KEPT})


def _form(request):
    kind = (request.headers.get("Content-Type") or "").partition(";")[0]
    if kind == "application/json":
        given = json.loads(request.body or b"{}")
        attached = given.pop("media_ids", None)
        return {name: str(value) for name, value in given.items()} | (
            {"media_ids[]": str(attached[0])} if attached else {}
        )
    return dict(parse_qsl(request.body.decode()))


def _uploaded(request):
    """The name, kind and content of the part called file."""
    head = f"Content-Type: {request.headers.get('Content-Type')}\r\n\r\n".encode()
    for part in BytesParser().parsebytes(head + request.body).walk():
        if part.get_param("name", header="Content-Disposition") == "file":
            return part.get_filename() or "file", part.get_content_type(), part.get_payload(decode=True)
    raise No(422, "Validation failed: File can't be blank")
