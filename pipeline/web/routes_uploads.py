"""The routes of uploads: a file's bytes as the body of a request, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from pipeline.web.bodies import Left, declared, large_body
from pipeline.web.owners import require_owner
from pipeline.web.refusal import Refused
from pipeline.web.uploads import Facts, Uploads

router = APIRouter(prefix="/api/uploads", tags=["uploads"])
Owner = Annotated[str, Depends(require_owner)]
BODY = {
    "parameters": [
        {
            "name": "X-Filename",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "maxLength": 1024},
            "description": "percent-encoded UTF-8",
            "example": "street.mp4",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
}


@router.post("", status_code=201, openapi_extra=BODY)
async def upload(request: Request, owner: Owner) -> Facts:
    """Send a video or a picture: its bytes are the body, X-Filename is its name (percent-encoded UTF-8)."""
    uploads: Uploads = request.app.state.uploads
    most = request.app.state.settings.limits.upload_bytes
    announced = declared(request.scope, most)
    body = large_body(request.scope, request.receive, most)
    try:
        return await uploads.take(owner, request.headers.get("x-filename", ""), announced, body)
    except Left as error:
        raise Refused(400, "the upload ended too early; send it again") from error


@router.get("")
async def listed(request: Request, owner: Owner) -> list[Facts]:
    """What was uploaded, the newest first."""
    uploads: Uploads = request.app.state.uploads
    return await uploads.of(owner)


@router.delete("/{ident}", status_code=204)
async def delete(request: Request, owner: Owner, ident: str) -> Response:
    """Delete an upload."""
    await request.app.state.uploads.delete(owner, ident)
    return Response(status_code=204)
