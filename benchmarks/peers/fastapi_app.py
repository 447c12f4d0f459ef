"""get-server and update-server with FastAPI: pydantic models of request and answer, a security dependency."""

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from benchmarks.peers import open_parts, serve
from gateway.access.caller import Caller
from gateway.errors import NotFound

Id = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern="^[^\0]*$")]
Ids = Annotated[list[Id], Field(max_length=1000)]
Text = Annotated[str, StringConstraints(pattern="^[^\0]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\w[\w -]*$")]
ListMode = Literal["allowlist", "blocklist"]
Mode = Literal["connectivity", "direct"]


class Strict(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class IdSection(Strict):
    mode: ListMode | None = None
    allowed_ids: Ids | None = None
    blocked_ids: Ids | None = None


class ActionSection(Strict):
    mode: ListMode | None = None
    allowed_actions: Ids | None = None
    blocked_actions: Ids | None = None


class Restrictions(Strict):
    connectors: IdSection | None = None
    actions: ActionSection | None = None
    users: IdSection | None = None


class UpdateServer(Strict):
    name: Name | None = None
    description: Text | None = None
    restrictions: Restrictions | None = None
    custom_instructions: Text | None = None
    is_public: bool | None = None
    mode: Mode | None = None


class Server(Strict):
    server_id: str
    name: str
    description: str
    url: str
    access_url: str
    restrictions: Restrictions
    has_restrictions: bool
    custom_instructions: str
    is_public: bool
    mode: Mode
    paused: bool
    created_at: str
    updated_at: str


app = FastAPI(openapi_url=None)
parts = open_parts()
bearer = HTTPBearer()


async def authenticate(
    presented: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], response: Response
) -> Caller:
    caller = await parts.caller(presented.credentials)
    if caller is None:
        raise HTTPException(401)
    response.headers["x-alloy-userid"] = caller.user_id
    return caller


Authenticated = Annotated[Caller, Depends(authenticate)]


@app.get("/api/servers/{server_id}", response_model=Server, response_model_exclude_unset=True)
async def get_server(server_id: str, caller: Authenticated) -> Any:
    try:
        return (await parts.servers.get(caller, server_id)).public
    except NotFound:
        raise HTTPException(404) from None


@app.put("/api/servers/{server_id}", response_model=Server, response_model_exclude_unset=True)
async def update_server(server_id: str, body: UpdateServer, caller: Authenticated) -> Any:
    try:
        wanted = body.model_dump(by_alias=True, exclude_unset=True)
        return (await parts.servers.update(caller, server_id, wanted)).public
    except NotFound:
        raise HTTPException(404) from None


if __name__ == "__main__":
    serve(app)
