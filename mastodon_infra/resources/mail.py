"""Mail by Amazon SES: an identity for the domain, and a login that may only send. Imported only where it is used."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from mastodon_infra.plan import naming
from mastodon_infra.plan.types import MailPlan
from mastodon_infra.resources.clouds import Credentials
from mastodon_infra.resources.s3 import LONGEST_USER_NAME, policy_document


class SesSender(pulumi.ComponentResource):
    """A domain that SES sends for, and Mastodon's login at it.

    Pulumi type: ``mastodon:mail:SesSender``

    Creates: mail-sender - aws.Provider, aws.sesv2.EmailIdentity, aws.sesv2.EmailIdentityMailFromAttributes,
        aws.iam.User, aws.iam.UserPolicy, aws.iam.AccessKey - one each.
    Needs: the mail plan.
    Gives: ``dkim_tokens`` for the DNS records, ``username`` and ``password`` for SMTP.
    Replaced when: the sender's domain or the region changes.
    """

    dkim_tokens: pulumi.Output[list[str]]
    username: pulumi.Output[str]
    password: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        mail: MailPlan,
        slug: str,
        credentials: Credentials,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:mail:SesSender", name, None, opts)
        # The SMTP password is computed for the provider's region, which must be the one that sends.
        amazon = aws.Provider(
            "mail-sender",
            region=mail.ses_region,
            access_key=credentials.aws_access_key,
            secret_key=credentials.aws_secret_key,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._own = pulumi.ResourceOptions(parent=self, provider=amazon)
        self.dkim_tokens = self._identity(mail)
        key = self._login(mail, slug)
        self.username, self.password = key.id, key.ses_smtp_password_v4
        self.register_outputs({})

    def _identity(self, mail: MailPlan) -> pulumi.Output[list[str]]:
        identity = aws.sesv2.EmailIdentity("mail-sender", email_identity=mail.sender_domain, opts=self._own)
        aws.sesv2.EmailIdentityMailFromAttributes(
            "mail-sender",
            email_identity=identity.email_identity,
            mail_from_domain=f"bounce.{mail.sender_domain}",
            behavior_on_mx_failure="USE_DEFAULT_VALUE",
            opts=self._own,
        )
        tokens: pulumi.Output[list[str]] = identity.dkim_signing_attributes.apply(lambda signing: list(signing.tokens))
        return tokens

    def _login(self, mail: MailPlan, slug: str) -> aws.iam.AccessKey:
        user = aws.iam.User("mail-sender", name=naming.label(slug, "mail", LONGEST_USER_NAME), opts=self._own)
        statement: dict[str, object] = {
            "Effect": "Allow",
            "Action": "ses:SendRawEmail",
            # Not the identity's own name: while an account is in the sandbox, recipients are identities too.
            "Resource": "*",
            "Condition": {"StringEquals": {"ses:FromAddress": mail.from_address}},
        }
        aws.iam.UserPolicy(
            "mail-sender",
            name="send",
            user=user.name,
            policy=policy_document(statement),
            opts=self._own,
        )
        return aws.iam.AccessKey("mail-sender", user=user.name, opts=self._own)
