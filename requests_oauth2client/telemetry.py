"""Token events as OpenTelemetry metrics and spans; needs the extra `otel`.

Names follow the semantic conventions of OpenTelemetry where these have one (`error.type`), and begin with `oauth2`
elsewhere. No value is a secret: events hold none.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

from .events import FAILURES
from .optional import needed

if TYPE_CHECKING:
    from .events import EventHook, TokenEvent

SCOPE = "requests_oauth2client"
"""The instrumentation scope of all that is recorded."""

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds of the histograms of durations, in seconds: those that the conventions give to HTTP requests."""


def otel_events(*, tracer_provider: Any = None, meter_provider: Any = None) -> EventHook:
    """Return a hook for `on_event=` that records metrics and spans.

    | metric | kind | unit | attributes |
    | --- | --- | --- | --- |
    | `oauth2.client.events` | counter | `{event}` | all those below, `oauth2.event` |
    | `oauth2.client.token.duration` | histogram | `s` | `oauth2.event` |
    | `oauth2.client.token.lifetime` | histogram | `s` | `oauth2.event` |

    An event that took time is a span of its name, a child of the current span, which ends when the event is told. The
    others are events of the current span. Attributes: `oauth2.client_id`, `oauth2.endpoint`, `oauth2.grant_type`,
    `oauth2.attempt`, `error.type`.

    Args:
        tracer_provider: where spans go; by default the global one.
        meter_provider: where metrics go; by default the global one.

    Raises:
        MissingPackage: `opentelemetry-api` is not installed.

    """
    trace, metrics = needed("opentelemetry.trace", extra="otel"), needed("opentelemetry.metrics", extra="otel")
    tracer = (tracer_provider or trace.get_tracer_provider()).get_tracer(SCOPE)
    meter = (meter_provider or metrics.get_meter_provider()).get_meter(SCOPE)
    events = meter.create_counter("oauth2.client.events", "{event}", "What happened to tokens")
    durations = _histogram(meter, "oauth2.client.token.duration", "How long it took to get a token")
    lifetimes = _histogram(meter, "oauth2.client.token.lifetime", "How long a new token is good for")

    def record(event: TokenEvent) -> None:
        attributes = _attributes(event)
        name = {"oauth2.event": event.name}
        events.add(1, {**attributes, **name})
        if event.expires_in is not None:
            lifetimes.record(event.expires_in, name)
        if event.duration is None:
            trace.get_current_span().add_event(f"oauth2 {event.name}", attributes)
            return
        durations.record(event.duration, name)
        end = time_ns()
        span = tracer.start_span(
            f"oauth2 {event.name}", attributes=attributes, start_time=end - int(event.duration * 1e9)
        )
        if event.name in FAILURES:
            span.set_status(trace.StatusCode.ERROR, event.error)
        span.end(end)

    return record


def _histogram(meter: Any, name: str, description: str) -> Any:
    bounds = DURATIONS if name.endswith("duration") else None
    return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=bounds)


def _attributes(event: TokenEvent) -> dict[str, str | int]:
    members = {
        "oauth2.client_id": event.client_id,
        "oauth2.endpoint": event.endpoint,
        "oauth2.grant_type": event.grant_type,
        "oauth2.attempt": event.attempt,
        "error.type": event.error,
    }
    return {name: value for name, value in members.items() if value is not None}
