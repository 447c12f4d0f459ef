"""The tables. Migrations (storage/migrations) make them; a test holds that both agree.

Times are ISO 8601 UTC text with milliseconds (`2026-11-23T16:40:00.123Z`): sortable, the same in every engine.
Every row belongs to an account, and every statement names it.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _user_reference() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id", "user_id"], ["users.account_id", "users.user_id"], ondelete="CASCADE")


accounts = Table(
    "accounts",
    metadata,
    Column("account_id", String(24), primary_key=True),
    Column("name", Text, nullable=False),
    # A disabled account's keys and token URLs are refused.
    Column("disabled", Boolean(create_constraint=False), server_default=false(), nullable=False),
    Column("created_at", String(24), nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Text, primary_key=True),
    # What a person calls the user; NULL where the CLI, or a proof of their own, made them.
    Column("username", Text),
    Column("full_name", Text),
    # A disabled user is refused at every door.
    Column("disabled", Boolean(create_constraint=False), server_default=false(), nullable=False),
    Column("created_at", String(24), nullable=False),
    UniqueConstraint("account_id", "username"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(24), primary_key=True),
    Column("account_id", String(24), nullable=False),
    Column("user_id", Text, nullable=False),
    # SHA-256 of a random key: nothing to brute-force, so no slow hash is needed.
    Column("key_hash", LargeBinary(32), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),
    Column("scopes", String(64), nullable=False),
    # What a person calls the key.
    Column("name", Text),
    # NULL: never.
    Column("expires_at", String(24)),
    Column("created_at", String(24), nullable=False),
    Column("revoked_at", String(24)),
    _user_reference(),
)

# When each key was last used. Apart from the keys, because a use is no change of configuration.
key_uses = Table(
    "key_uses",
    metadata,
    Column("key_id", ForeignKey("api_keys.key_id", ondelete="CASCADE"), primary_key=True),
    Column("last_used_at", String(24)),
)

# Whose JWTs count, and for which account.
jwt_issuers = Table(
    "jwt_issuers",
    metadata,
    Column("issuer_id", String(24), primary_key=True),
    Column("account_id", ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
    # The claim `iss`. It decides the account, so no two have the same.
    Column("issuer", Text, nullable=False, unique=True),
    Column("algorithm", String(8), nullable=False),
    # One of the three says what signatures are checked with: a PEM, a URL, or (sealed) a secret.
    Column("public_key", Text),
    Column("jwks_url", Text),
    Column("sealed", LargeBinary),
    Column("sealed_by", String(32)),
    # What `aud` must hold: a text, `server` for the URL of the server that is called, or NULL.
    Column("audience", Text),
    # Scopes that every token must have, separated by spaces.
    Column("scopes", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
    Index(None, "account_id", "created_at", "issuer_id"),
)

servers = Table(
    "servers",
    metadata,
    Column("server_id", String(128), primary_key=True),
    Column("account_id", String(24), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("name", String(100), nullable=False),
    # NFKC, casefolded: what "unique per user" compares.
    Column("name_key", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("custom_instructions", Text, nullable=False),
    Column("is_public", Boolean(create_constraint=False), nullable=False),
    Column("mode", String(16), nullable=False),
    # JSON text, or NULL where nothing is restricted.
    Column("restrictions", Text),
    Column("token_nonce", LargeBinary(16), nullable=False),
    # Seconds since the epoch, or NULL: never.
    Column("token_expires_at", Integer),
    Column("version", Integer, nullable=False),
    # A paused server answers nobody; everything about it is kept.
    Column("paused", Boolean(create_constraint=False), nullable=False, server_default=false()),
    # Only actions that change nothing are there; and whether destructive ones need a yes first.
    Column("read_only", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("confirm_destructive", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("created_at", String(24), nullable=False),
    Column("updated_at", String(24), nullable=False),
    _user_reference(),
    UniqueConstraint("account_id", "user_id", "name_key"),
    CheckConstraint("mode IN ('connectivity', 'direct')", name="mode"),
    Index(None, "account_id", "user_id", "created_at", "server_id"),
)

connectors = Table(
    "connectors",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("connector_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    # The OpenAPI document as zlib-compressed JSON: parsed from YAML once, when it was added.
    Column("document", LargeBinary, nullable=False),
    # Where it came from: a URL, a file's name, or NULL for an upload.
    Column("source", Text),
    Column("base_url", Text),
    # JSON text `{"type", "header"?}`, or NULL: as the document says.
    Column("auth", Text),
    # Another number after each change.
    Column("version", Integer, nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("updated_at", String(24), nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("credential_id", String(24), primary_key=True),
    Column("account_id", String(24), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("connector_id", String(64), nullable=False),
    Column("authentication_type", String(24), nullable=False),
    Column("name", Text, nullable=False),
    # AES-256-GCM; the key's name stands beside it so that a rotation can tell which rows are left.
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_by", String(32), nullable=False),
    # Set when the connector's origin or authentication changed under it, until a manage key confirms.
    Column("suspended", Boolean(create_constraint=False), nullable=False),
    # Which of a user's several to take for the connector where nobody says.
    Column("is_default", Boolean(create_constraint=False), nullable=False, server_default=false()),
    # Of OAuth: the client that it was made with, and the end of its access token (seconds since the epoch, if known).
    Column("auth_config_id", String(24)),
    Column("expires_at", Integer),
    # The platform refused to renew it for good: only its user can connect again.
    Column("dead", Boolean(create_constraint=False), server_default=false(), nullable=False),
    # Raised whenever other data is sealed here, and by nothing else: who renews a token compares it.
    Column("version", Integer, server_default=text("0"), nullable=False),
    # Who renews the token just now, in whatever process, and until when at the latest (seconds since the epoch).
    Column("lease", String(24)),
    Column("lease_until", Integer),
    Column("created_at", String(24), nullable=False),
    Column("updated_at", String(24), nullable=False),
    _user_reference(),
    Index(None, "account_id", "user_id", "connector_id"),
    Index(
        "ix_credentials_default",
        "account_id",
        "user_id",
        "connector_id",
        unique=True,
        sqlite_where=text("is_default"),
        postgresql_where=text("is_default"),
    ),
    Index(None, "account_id", "connector_id"),
)

# Clients that operators registered at platforms (OAuth 2.0).
auth_configs = Table(
    "auth_configs",
    metadata,
    Column("auth_config_id", String(24), primary_key=True),
    Column("account_id", ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
    Column("connector_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    # The client's secret by AES-256-GCM and the name of the key; NULL for a public client.
    Column("sealed", LargeBinary),
    Column("sealed_by", String(32)),
    # client_secret_basic, client_secret_post or none; NULL: as the connector says.
    Column("token_endpoint_auth_method", String(32)),
    # JSON lists of texts; scopes NULL: those of the connector.
    Column("scopes", Text),
    Column("user_scopes", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    # In place of the connector's own, or NULL.
    Column("authorization_url", Text),
    Column("token_url", Text),
    # The endpoints that the secret was entrusted to, a line each; NULL for shipped connectors, which are ours.
    Column("endpoints", Text),
    Column("is_default", Boolean(create_constraint=False), nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("updated_at", String(24), nullable=False),
    UniqueConstraint("account_id", "connector_id", "name"),
)

# Sign-ins that have begun: each row serves once, and a few minutes.
oauth_flows = Table(
    "oauth_flows",
    metadata,
    # SHA-256 of the secret in the link.
    Column("link_hash", LargeBinary(32), primary_key=True),
    Column("account_id", String(24), nullable=False),
    Column("user_id", Text, nullable=False),
    # How the one came who asked for it: for the audit row.
    Column("door", String(16), nullable=False),
    Column("connector_id", String(64), nullable=False),
    Column("auth_config_id", String(24), nullable=False),
    # PKCE verifier, fields, name, and (while a tenant is chosen) the tokens, by AES-256-GCM, and the name of the key.
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_by", String(32), nullable=False),
    # Where the person goes when all is done; NULL: to a page of ours.
    Column("redirect_uri", Text),
    # The credential that is connected again; NULL: a new one is made.
    Column("credential_id", String(24)),
    # asked, sent (to the platform), choosing (a tenant).
    Column("stage", String(16), nullable=False),
    # SHA-256 of the state that the platform was given, and of the cookie of the browser that took it there.
    Column("state_hash", LargeBinary(32), unique=True),
    Column("browser_hash", LargeBinary(32)),
    # Seconds since the epoch.
    Column("expires_at", Integer, nullable=False),
    _user_reference(),
    ForeignKeyConstraint(["auth_config_id"], ["auth_configs.auth_config_id"], ondelete="CASCADE"),
    Index(None, "expires_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(24), nullable=False),
    Column("account_id", String(24), nullable=False),
    Column("user_id", Text, nullable=False),
    # api_key, jwt, token or cli: the door through which the caller came; service: nobody asked for it.
    Column("door", String(16), nullable=False),
    # For example server.create, connector.replace, action.execute.
    Column("event", String(32), nullable=False),
    Column("server_id", String(128)),
    Column("connector_id", String(64)),
    Column("action_id", Text),
    Column("outcome", String(32), nullable=False),
    Column("upstream_status", Integer),
    Column("duration_ms", Integer),
    # Who proved themselves, where `user_id` is who counts; NULL in rows of before this was kept.
    Column("principal_id", Text),
    # Which API key it was, where it was one.
    Column("key_id", String(24)),
    # The id of what was changed, where no other column has it.
    Column("subject", Text),
    Column("request_id", String(128)),
    # JSON text: the names of an action's arguments, or their redacted values, as TOOLGATE_AUDIT_ARGUMENTS has it.
    Column("arguments", Text),
    # See storage.chain.
    Column("hash", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(16), nullable=False),
    # An account's rows, one user's among them, or one request's, the newest first.
    Index(None, "account_id", "at"),
    Index(None, "account_id", "user_id", "at"),
    Index(None, "account_id", "request_id", "at"),
    # What happened at one server, the newest first.
    Index(None, "account_id", "server_id", "at"),
)

# One row: where the chain of audit rows begins and ends. Triggers hold that rows are only ever appended.
audit_chain = Table(
    "audit_chain",
    metadata,
    Column("id", Integer, primary_key=True),
    # The last row that retention has removed, and its hash: what the first row that is left is linked to.
    Column("cut_id", Integer, nullable=False),
    Column("cut_hash", LargeBinary(32), nullable=False),
    Column("last_id", Integer, nullable=False),
    Column("last_hash", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# Requests with an Idempotency-Key, begun and (with a status) answered. Removed when they expire.
idempotency = Table(
    "idempotency",
    metadata,
    Column("account_id", String(24), primary_key=True),
    # SHA-256 of account, user, operation, path and key: whose key it is, and for what.
    Column("scope", LargeBinary(32), primary_key=True),
    Column("user_id", Text, nullable=False),
    # SHA-256 of method, path, query and body: another request under the same key is refused. No body is kept.
    Column("fingerprint", LargeBinary(32), nullable=False),
    # NULL: begun, and how it ended is not known.
    Column("status", Integer),
    # Headers and body of the answer, by AES-256-GCM, and the name of the key.
    Column("sealed", LargeBinary),
    Column("sealed_by", String(32)),
    # Seconds since the epoch.
    Column("expires_at", Integer, nullable=False),
    _user_reference(),
    Index(None, "expires_at"),
)

# Calls that want a yes of somebody before they run, and those that had it. Removed some time after they expire.
approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", String(24), primary_key=True),
    Column("account_id", String(24), nullable=False),
    Column("server_id", String(128), nullable=False),
    # Who asked, and alone may use it.
    Column("user_id", Text, nullable=False),
    Column("connector_id", String(64), nullable=False),
    Column("action_id", String(64), nullable=False),
    # SHA-256 of the whole call: what was approved, and nothing else.
    Column("argument_hash", LargeBinary(32), nullable=False),
    # The arguments as the owner reads them, by AES-256-GCM, and the name of the key.
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_by", String(32), nullable=False),
    # Who is asked: the server's owner, or whoever sits at the client that called.
    Column("asked_of", String(8), nullable=False),
    Column("status", String(8), nullable=False),
    Column("created_at", String(24), nullable=False),
    # When, and by whom, it was given or refused; NULL until then.
    Column("decided_at", String(24)),
    Column("decided_by", Text),
    # Seconds since the epoch.
    Column("expires_at", Integer, nullable=False),
    ForeignKeyConstraint(["server_id"], ["servers.server_id"], ondelete="CASCADE"),
    _user_reference(),
    CheckConstraint("asked_of IN ('owner', 'client')", name="asked_of"),
    CheckConstraint("status IN ('pending', 'approved', 'denied', 'used')", name="status"),
    Index(None, "account_id", "server_id", "expires_at"),
    Index(None, "expires_at"),
)

# One row, made by the first start: which vault key seals, for every process, and what proves that a secrets file is
# this database's (gateway.credentials.belonging).
vault = Table(
    "vault",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_name", String(32), nullable=False),
    Column("proof", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# One row whose `value` triggers raise on each change of configuration (not on audit rows or credentials):
# a reader compares it to know whether what it has cached still stands.
generation = Table(
    "generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# The tables whose changes raise `generation`.
CONFIGURATION = (accounts, users, api_keys, jwt_issuers, servers, connectors)
