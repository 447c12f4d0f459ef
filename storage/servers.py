"""Statements about servers."""

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from storage.tables import servers

_MINE = (
    servers.c.account_id == bindparam("account_id_"),
    servers.c.user_id == bindparam("user_id_"),
)
_THIS = servers.c.server_id == bindparam("server_id_")

BY_ID = select(servers).where(_THIS)
PAGE = (
    select(servers)
    .where(*_MINE)
    .order_by(servers.c.created_at, servers.c.server_id)
    .limit(bindparam("limit_"))
    .offset(bindparam("offset_"))
)
COUNT = select(func.count()).select_from(servers).where(*_MINE)
INSERT = insert(servers).returning(*servers.c)
DELETE = delete(servers).where(_THIS, *_MINE).returning(servers.c.server_id)

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
