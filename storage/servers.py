"""Statements about servers."""

from sqlalchemy import Boolean, Integer, Text, bindparam, case, delete, func, insert, select, update

from storage.tables import servers

_MINE = (
    servers.c.account_id == bindparam("account_id_"),
    servers.c.user_id == bindparam("user_id_"),
)
_THIS = servers.c.server_id == bindparam("server_id_")
# `part_` is a LIKE pattern, made by `containing`.
_NAMED = servers.c.name_key.like(bindparam("part_", type_=Text), escape="\\")
# One of the versions that the caller knows. In the statement itself, so that of two writers one loses.
_EXPECTED = servers.c.version.in_(bindparam("versions_", type_=Integer, expanding=True))

BY_ID = select(servers).where(_THIS)
MINE = select(servers).where(_THIS, *_MINE)
OF_ACCOUNT = (
    select(servers)
    .where(servers.c.account_id == bindparam("account_id_"))
    .order_by(servers.c.created_at, servers.c.server_id)
)
PAGE = (
    select(servers)
    .where(*_MINE)
    .order_by(servers.c.created_at, servers.c.server_id)
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
COUNT = select(func.count()).select_from(servers).where(*_MINE)
PAGE_NAMED = PAGE.where(_NAMED)
COUNT_NAMED = COUNT.where(_NAMED)
INSERT = insert(servers).returning(*servers.c)
DELETE = delete(servers).where(_THIS, *_MINE).returning(servers.c.server_id)
DELETE_EXPECTED = DELETE.where(_EXPECTED)

# NULL means "as it was"; restrictions may really become NULL, so that a flag of their own says whether to write them.
UPDATE = (
    update(servers)
    .where(_THIS, *_MINE)
    .values(
        name=func.coalesce(bindparam("name_"), servers.c.name),
        name_key=func.coalesce(bindparam("name_key_"), servers.c.name_key),
        description=func.coalesce(bindparam("description_"), servers.c.description),
        custom_instructions=func.coalesce(bindparam("custom_instructions_"), servers.c.custom_instructions),
        is_public=func.coalesce(bindparam("is_public_"), servers.c.is_public),
        mode=func.coalesce(bindparam("mode_"), servers.c.mode),
        restrictions=case((bindparam("restrict_") == 1, bindparam("restrictions_")), else_=servers.c.restrictions),
        version=servers.c.version + 1,
        updated_at=bindparam("now_"),
    )
    .returning(*servers.c)
)
UPDATE_EXPECTED = UPDATE.where(_EXPECTED)

# A new nonce: the token of the old one is none any more. `expire_` says whether to write the expiry, as above.
ROTATE = (
    update(servers)
    .where(_THIS, *_MINE)
    .values(
        token_nonce=bindparam("nonce_"),
        token_expires_at=case(
            (bindparam("expire_", type_=Integer) == 1, bindparam("expires_at_", type_=Integer)),
            else_=servers.c.token_expires_at,
        ),
        version=servers.c.version + 1,
        updated_at=bindparam("now_"),
    )
    .returning(*servers.c)
)
ROTATE_EXPECTED = ROTATE.where(_EXPECTED)

# No row where the server is in that state already.
PAUSE = (
    update(servers)
    .where(_THIS, *_MINE, servers.c.paused != bindparam("paused_", type_=Boolean))
    .values(
        paused=bindparam("paused_", type_=Boolean),
        version=servers.c.version + 1,
        updated_at=bindparam("now_"),
    )
    .returning(*servers.c)
)

# NULL means "as it was", as above.
SAFETY = (
    update(servers)
    .where(_THIS, *_MINE)
    .values(
        read_only=func.coalesce(bindparam("read_only_", type_=Boolean), servers.c.read_only),
        confirm_destructive=func.coalesce(
            bindparam("confirm_destructive_", type_=Boolean), servers.c.confirm_destructive
        ),
        version=servers.c.version + 1,
        updated_at=bindparam("now_"),
    )
    .returning(*servers.c)
)
SAFETY_EXPECTED = SAFETY.where(_EXPECTED)


def containing(part: str) -> str:
    """The LIKE pattern of everything that contains `part`, in which nothing stands for anything else."""
    for special in "\\%_":
        part = part.replace(special, f"\\{special}")
    return f"%{part}%"
