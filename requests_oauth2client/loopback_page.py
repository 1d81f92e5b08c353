"""The page that a user sees when they come back to a loopback address: small, self-contained, without any secret."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

_STYLE = """
:root{color-scheme:light dark;--paper:#f4f5f7;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d9dee3;--good:#1a7f4b;
--bad:#b3261e;--shade:0 1px 2px rgba(27,31,36,.06),0 12px 32px rgba(27,31,36,.08)}
@media(prefers-color-scheme:dark){:root{--paper:#0f1216;--card:#181c22;--ink:#e8eaed;--soft:#a3acb6;--line:#2b323b;--good:#5bd69a;
--bad:#ff9b92;--shade:none}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);
font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%}
main{width:100%;max-width:27rem;padding:2.75rem 2.25rem 2.5rem;border:1px solid var(--line);border-radius:1.25rem;
background:var(--card);box-shadow:var(--shade);text-align:center}
svg{width:4.5rem;height:4.5rem;fill:none;stroke:currentColor;stroke-width:3;stroke-linecap:round;stroke-linejoin:round}
.good{color:var(--good)}
.bad{color:var(--bad)}
svg circle{fill:currentColor;fill-opacity:.12;stroke:none}
h1{margin:1.25rem 0 .5rem;font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}
p{margin:0;color:var(--soft)}
h1,p{text-wrap:balance}
.said{margin-top:1.5rem;padding:.875rem 1rem;border:1px solid var(--line);border-radius:.75rem;font-size:.9375rem;
text-align:left;text-wrap:wrap;overflow-wrap:anywhere}
code{display:block;color:var(--ink);font:.875rem/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
"""

# the code is used by then, but has no business in the address bar, in bookmarks, or on a screenshot
_SCRIPT = 'history.replaceState(null,"",location.pathname)'

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<svg class="{mood}" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="23"/><path d="{icon}"/></svg>
<h1>{title}</h1>
<p>{text}</p>
{said}</main>
<script>{script}</script>
</body>
</html>
"""

_ICONS = {"good": "M15 24.5l6.5 6.5L33.5 18", "bad": "M24 14v13M24 33v.5"}


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every page: nothing is stored, loaded from elsewhere, framed, or told to another site."""


def page(title: str, text: str, *, good: bool, error: str | None = None, description: str | None = None) -> bytes:
    """Return a page, in UTF-8.

    Args:
        title: its heading.
        text: what the user should do now.
        good: whether all went well.
        error: an error code that a server gave; any text is safe.
        description: what it said about it.

    """
    from html import escape  # brings a table of all entities

    mood = "good" if good else "bad"
    code = f"<code>{escape(error)}</code>" if error else ""
    said = f'<p class="said">{code}{escape(description or "")}</p>\n' if error or description else ""
    return _PAGE.format(
        title=escape(title),
        text=escape(text),
        mood=mood,
        icon=_ICONS[mood],
        said=said,
        style=_STYLE,
        script=_SCRIPT,
    ).encode("utf-8", "replace")
