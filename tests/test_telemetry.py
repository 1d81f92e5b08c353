"""Metrics and spans of OpenTelemetry, as its own SDK exports them."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from requests_oauth2client import MissingPackage, OAuth2Client, OAuth2ClientCredentialsAuth, RetryPolicy
from requests_oauth2client.telemetry import otel_events
from requests_oauth2client.testing import Response


class Recorded:
    """What was recorded."""

    def __init__(self):
        self.reader, self.exporter = InMemoryMetricReader(), InMemorySpanExporter()
        self.meter_provider = MeterProvider([self.reader])
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.hook = otel_events(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)

    def metrics(self):
        data = self.reader.get_metrics_data()
        scopes = data.resource_metrics[0].scope_metrics
        assert [scope.scope.name for scope in scopes] == ["requests_oauth2client"]
        return {metric.name: metric for metric in scopes[0].metrics}

    def points(self, name):
        return {point.attributes["oauth2.event"]: point for point in self.metrics()[name].data.data_points}

    def spans(self):
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def recorded():
    recorded = Recorded()
    yield recorded
    recorded.meter_provider.shutdown()
    recorded.tracer_provider.shutdown()


@pytest.fixture
def client(server, recorded):
    return OAuth2Client.from_discovery_document(
        server.metadata,
        client_id="client_id",
        client_secret="client_secret",
        session=server.session(),
        on_event=recorded.hook,
        retry=RetryPolicy(backoff=0),
    )


@pytest.fixture
def auth(client, api, server, recorded):
    """A handler that got a token at its second attempt, under a span of the application."""
    server.misbehave("token", status=503)
    auth = OAuth2ClientCredentialsAuth(client, scope="read")
    with recorded.tracer_provider.get_tracer("app").start_as_current_span("app"):
        client.session.get(api.url, auth=auth).raise_for_status()
    return auth


def test_counters(auth, recorded):
    """Every event is counted, with what it is about."""
    events = recorded.points("oauth2.client.events")
    assert {name: point.value for name, point in events.items()} == {
        "request_retried": 1,
        "token_obtained": 1,
        "token_renewed": 1,
    }
    assert dict(events["request_retried"].attributes) == {
        "oauth2.event": "request_retried",
        "oauth2.client_id": "client_id",
        "oauth2.endpoint": "token_endpoint",
        "oauth2.grant_type": "client_credentials",
        "oauth2.attempt": 2,
        "error.type": "503",
    }


def test_histograms(auth, recorded):
    """Durations and lifetimes are in seconds."""
    assert recorded.metrics()["oauth2.client.token.duration"].unit == "s"
    assert recorded.points("oauth2.client.token.duration")["token_obtained"].count == 1
    assert recorded.points("oauth2.client.token.lifetime")["token_obtained"].sum == 3600


def test_spans(auth, recorded):
    """What takes time is a span inside that of the application, which has the other events."""
    spans = recorded.spans()
    assert set(spans) == {"app", "oauth2 token_obtained", "oauth2 token_renewed"}
    app, obtained = spans["app"], spans["oauth2 token_obtained"]
    assert obtained.parent.span_id == app.context.span_id
    assert app.start_time <= obtained.start_time <= obtained.end_time <= app.end_time
    assert obtained.status.status_code is StatusCode.UNSET
    assert [event.name for event in app.events] == ["oauth2 request_retried"]


def test_failures(auth, client, server, api, recorded):
    """A renewal that fails is a span with an error."""
    auth.forget_token()
    server.misbehave("token", lambda _: Response.json({"error": "invalid_client"}, 401))
    with pytest.raises(Exception, match="invalid_client"):
        client.session.get(api.url, auth=auth)
    failed = recorded.spans()["oauth2 renewal_failed"]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"] == "InvalidClient"


def test_no_secrets(auth, recorded):
    """Nothing that is exported is a secret."""
    exported = recorded.reader.get_metrics_data().to_json() + "".join(
        span.to_json() for span in recorded.exporter.get_finished_spans()
    )
    assert "token_obtained" in exported
    assert "client_secret" not in exported
    assert str(auth.token) not in exported


def test_global_providers():
    """By default, what is recorded goes where the application sends all of it."""
    assert callable(otel_events())


def test_missing_package(monkeypatch):
    """Without OpenTelemetry, the error says what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(MissingPackage, match=r"requests_oauth2client\[otel\]"):
        otel_events()
