"""The jobs that the stand-in can work. Whatever is worked leaves a row in the database, which no crash takes away."""

import json
import time

from mastodon_infra.rehearsal.machines.stand_in.mastodon import mail
from mastodon_infra.rehearsal.machines.stand_in.mastodon.stores import Store


class Jobs:
    """What a sidekiq process needs for its jobs."""

    def __init__(self, database, redis, worker):
        self._database, self._redis, self._worker = database, redis, worker
        self._base = Store()

    def work(self, queue, payload):
        """Work one job; raises whatever goes wrong."""
        job = json.loads(payload)
        kind, args = job["class"], job["args"]
        if kind == "DistributionWorker":
            self._distribute(*args)
        elif kind == "ActionMailer::MailDeliveryJob":
            mail.send(*args)
        elif kind == "StandIn::Numbered":
            time.sleep(args[1])
        number = args[0] if kind == "StandIn::Numbered" else None
        self._database.ask(
            "INSERT INTO stand_in_jobs (kind, number, jid, queue, worker) VALUES (%s, %s, %s, %s, %s)",
            *(kind, number, job["jid"], queue, self._worker),
        )

    def _distribute(self, identity):
        """Tell those who listen about a post, and put it into its author's feed."""
        found = self._database.ask(
            "SELECT s.id, s.text, s.uri, a.id, a.username FROM statuses s JOIN accounts a ON a.id = s.account_id "
            "WHERE s.id = %s",
            identity,
        )
        for number, text, uri, account, name in found:
            self._base("ZADD", f"feed:home:{account}", number, number)
            status = {"id": str(number), "content": text, "uri": uri, "account": {"id": str(account), "username": name}}
            event = json.dumps({"event": "update", "payload": status})
            for channel in ("timeline:public", "timeline:public:local"):
                self._base("PUBLISH", channel, event)
            # Nobody is told who does not listen.
            if self._base("GET", f"subscribed:timeline:{account}"):
                self._base("PUBLISH", f"timeline:{account}", event)
