"""The mailbox over HTTP: a page for people, GET and DELETE /messages for tests."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.mailbox.messages import Mail, Mailbox

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
)
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'"
# A mail is somebody's text: no script, no form, and its links open outside of the frame.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'"
)


def mailbox_app(mailbox: Mailbox) -> web.Application:
    """The pages `/` and `/mails/{number}` (with `/html`, `/raw`) and the JSON `/messages`, which leaves out
    the first `?after=` mails.
    """

    async def inbox(_: web.Request) -> web.Response:
        mails = list(enumerate(mailbox.mails, start=1))
        return _page("inbox.html", mails=mails[::-1])

    async def mail(request: web.Request) -> web.Response:
        return _page("mail.html", mail=_mail(mailbox, request), number=request.match_info["number"])

    async def html(request: web.Request) -> web.Response:
        content = with_links_outside(_mail(mailbox, request).html)
        headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=content, content_type="text/html", headers=headers)

    async def raw(request: web.Request) -> web.Response:
        headers = {"X-Content-Type-Options": "nosniff"}
        return web.Response(body=_mail(mailbox, request).raw, content_type="text/plain", headers=headers)

    async def messages(request: web.Request) -> web.Response:
        after = request.query.get("after", "")
        newer = mailbox.mails[int(after) if after.isascii() and after.isdecimal() else 0 :]
        return web.json_response([item.as_json() for item in newer])

    async def clear(_: web.Request) -> web.Response:
        mailbox.mails.clear()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", inbox)
    app.router.add_get(r"/mails/{number:\d+}", mail)
    app.router.add_get(r"/mails/{number:\d+}/html", html)
    app.router.add_get(r"/mails/{number:\d+}/raw", raw)
    app.router.add_get("/messages", messages)
    app.router.add_delete("/messages", clear)
    return app


def with_links_outside(html: str) -> str:
    """The mail with links that leave the frame, because the product's pages refuse to be shown in one."""
    end_of_head_tag = re.search(r"<head[^>]*>", html, re.IGNORECASE)
    position = end_of_head_tag.end() if end_of_head_tag else 0
    return f'{html[:position]}<base target="_blank">{html[position:]}'


def _mail(mailbox: Mailbox, request: web.Request) -> Mail:
    number = int(request.match_info["number"])
    if not 1 <= number <= len(mailbox.mails):
        raise web.HTTPNotFound
    return mailbox.mails[number - 1]


def _page(name: str, **values: object) -> web.Response:
    headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-store"}
    return web.Response(
        text=_PAGES.get_template(name).render(values), content_type="text/html", headers=headers
    )
