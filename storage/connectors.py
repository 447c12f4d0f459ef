"""Statements about the account's own connectors."""

from sqlalchemy import bindparam, delete, insert, select, update

from storage.tables import connectors

_MINE = connectors.c.account_id == bindparam("account_id_")
_THIS = (_MINE, connectors.c.connector_id == bindparam("connector_id_"))

VERSIONS = select(connectors.c.connector_id, connectors.c.version).where(_MINE)
BY_ID = select(connectors).where(*_THIS)
INSERT = insert(connectors)
UPDATE = (
    update(connectors)
    .where(*_THIS)
    .values(
        name=bindparam("name_"),
        document=bindparam("document_"),
        source=bindparam("source_"),
        base_url=bindparam("base_url_"),
        auth=bindparam("auth_"),
        version=bindparam("version_"),
        updated_at=bindparam("now_"),
    )
    .returning(connectors.c.version)
)
DELETE = delete(connectors).where(*_THIS).returning(connectors.c.connector_id)
