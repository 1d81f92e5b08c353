"""The pages that a user sees in the browser. Small, without scripts, and nothing in them comes from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .http import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .http import Refusal

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 12vh auto; max-width: 24rem; padding: 0 1rem; }
main { border: 1px solid #8884; border-radius: 12px; padding: 1.5rem 2rem 2rem; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; }
label { display: block; margin: 0 0 1rem; }
input { box-sizing: border-box; display: block; font: inherit; padding: .5rem; width: 100%; }
input, button { border: 1px solid #8888; border-radius: 6px; }
button { font: inherit; margin-right: .5rem; padding: .5rem 1.5rem; }
button[value=allow] { background: #2458c5; border-color: #2458c5; color: #fff; }
.error { color: #c22; }
"""

HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)  # fmt: skip


def page(title: str, content: str, status: int = 200) -> Response:
    """Make a page. `content` is HTML already."""
    return Response.html(
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><main><h1>{escape(title)}</h1>{content}</main></html>",
        status,
        HEADERS,
    )


def error_page(refusal: Refusal) -> Response:
    """Tell the user of an error that must not be sent to the client."""
    description = escape(refusal.description or "")
    return page(
        "This cannot go on", f'<p class="error"><b>{escape(refusal.error)}</b></p><p>{description}</p>', status=400
    )


def decision_page(  # all that the page shows
    title: str,
    action: str,
    *,
    scope: tuple[str, ...],
    hidden: Mapping[str, str],
    username: str | None,
    ask_password: bool,
    error: str | None = None,
    extra: str = "",
) -> Response:
    """Ask the user to log in, if need be, and to allow or deny. `extra` is HTML already."""
    fields = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in hidden.items())
    if ask_password:
        fields += (
            f'<label>Username<input name="username" autocomplete="username" value="{escape(username or "")}"></label>'
            '<label>Password<input name="password" type="password" autocomplete="current-password"></label>'
        )
    else:
        fields += f"<p>You are <b>{escape(username or '')}</b>.</p>"
    asked = f"<p>It asks for: <b>{escape(', '.join(scope))}</b></p>" if scope else ""
    told = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    return page(
        title,
        f'{told}{asked}<form method="post" action="{escape(action)}">{extra}{fields}'
        '<button name="decision" value="allow">Allow</button>'
        '<button name="decision" value="deny">Deny</button></form>',
        status=400 if error else 200,
    )
