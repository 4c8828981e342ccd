"""Rows of group H that concern the page: hostile users of the web application."""

from __future__ import annotations

ROWS: dict[str, tuple[str, str, str]] = {
    "H6": (
        "A path that leads elsewhere",
        "dots, their percent encodings, backslashes, absolute paths, NUL and links, in every place of a request that "
        "names something, and in the name of an upload",
        "400, 404 or 422; a file outside is neither read nor written; every file here has a name of the server's own",
    ),
    "H7": (
        "A source that makes the server knock elsewhere",
        "loopback, link-local and metadata addresses in every spelling, names that lead there, redirects, `file:`, "
        "`concat:`, `subfile:`, `tcp:`, `lavfi:`, device paths, variables of the environment",
        "refused; the listener on loopback has no visitor; the address that was checked is the one that is used",
    ),
    "H8": (
        "An upload that refers to other files, or to the network",
        "HLS, DASH, ffconcat, SDP and MOV references under the names of videos",
        "refused; nobody is called, no other file is read, and the process that looks at it could do neither",
    ),
    "H9": (
        "Requests that no page sends",
        "every route without an owner, and whatever schemathesis makes of our OpenAPI",
        "401 but for the page itself and the login; never a 5xx for what was sent, never a traceback",
    ),
    "H10": (
        "A page of another site",
        "other and missing Host and Origin headers, for requests and for WebSockets; names that are rebound",
        "421 or 403; no answer names another origin; what needs no owner gives nothing away",
    ),
    "H11": (
        "Too much, or too slowly",
        "bodies without end, compressed or trickling; huge headers; connections that say nothing; many ranges; full "
        "quotas and disks",
        "408, 413, 416 or 429, or the connection ends; what had come of an upload is gone, and memory stays flat",
    ),
    "H12": (
        "Somebody else's things",
        "the ids of another owner's sessions, uploads and files",
        "404, as if there were none",
    ),
    "H13": (
        "Names that look like lines of a log",
        "newlines and control characters in paths, file names and addresses",
        "one JSON object a line, with nothing secret in it",
    ),
}
