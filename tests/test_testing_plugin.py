"""The pytest plugin: the tests of its documentation pass, and it costs nothing where it is not used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from requests_oauth2client import BearerToken, lifetime
from requests_oauth2client.testing import plugin
from requests_oauth2client.testing.process_clock import ProcessClock

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "test-my-code.md"
FILES = re.compile(r'^```python title="([\w.]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
# whether this library is installed, so that pytest finds the plugin itself, or not, it is loaded once
LOAD = ("-p", "no:requests_oauth2client", "-p", "requests_oauth2client.testing.plugin", "-W", "error")


def assert_passed(pytester: pytest.Pytester, passed: int) -> None:
    """Run the tests in a process of their own: pytest wants to load plugins before anybody else does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path)]))
        pytester.runpytest_subprocess(*LOAD).assert_outcomes(passed=passed)


@pytest.mark.parametrize(
    ("names", "passed"),
    [(["shop.py", "test_shop.py"], 9), (["conftest.py", "test_script.py"], 1), (["test_login.py"], 2)],
)
def test_documented_tests(pytester: pytest.Pytester, names: list[str], passed: int) -> None:
    """The tests of the how-to page pass as they are pasted."""
    files = dict(FILES.findall(PAGE.read_text("utf-8")))
    for name in names:
        (pytester.path / name).write_text(files[name])
    assert_passed(pytester, passed)


def test_every_documented_file_is_run() -> None:
    """No file of the page is left out above."""
    assert [name for name, _ in FILES.findall(PAGE.read_text("utf-8"))] == [
        "shop.py", "test_shop.py", "conftest.py", "test_script.py", "test_login.py",
    ]  # fmt: skip


def test_every_fixture_is_documented() -> None:
    """Each fixture is told on the page, and begins with `oauth2_`."""
    fixtures = {name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    assert len(fixtures) == 9
    assert {
        name for name in fixtures if not name.startswith("oauth2_") or f"`{name}`" not in PAGE.read_text("utf-8")
    } == set()


def test_served(pytester: pytest.Pytester) -> None:
    """`oauth2_served` is on a port of this machine, and away afterwards."""
    pytester.makepyfile(
        """
        import requests

        def test_served(oauth2_served):
            assert requests.get(oauth2_served.issuer + "/.well-known/openid-configuration", timeout=5).ok
            test_served.issuer = oauth2_served.issuer

        def test_afterwards(oauth2_server):
            assert oauth2_server.issuer == "https://as.local"
        """
    )
    assert_passed(pytester, 2)


def test_entry_point() -> None:
    """The plugin is found by pytest where the library is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"requests_oauth2client": plugin.__name__}


def test_an_unused_plugin_costs_nothing() -> None:
    """Loading it imports three small modules of ours, and nothing else."""
    code = "import sys, pytest; a = set(sys.modules); import requests_oauth2client.testing.plugin; print(*set(sys.modules) - a)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    package = "requests_oauth2client"
    assert set(done.stdout.split()) == {package, f"{package}.testing", f"{package}.testing.plugin"}


# ---------------------------------------------------------------- the clock


def test_the_clock_moves_everybody() -> None:
    """Tokens expire for the client, and `time.time()` moves; afterwards all is as before."""
    token = BearerToken("abc", expires_in=60)
    real = time.time
    with ProcessClock().ruling() as clock:
        assert not token.is_expired()
        clock.advance(timedelta(seconds=61))
        assert token.is_expired()
        assert time.time() > real() + 60
        assert abs(clock.datetime().timestamp() - time.time()) < 5
    assert not token.is_expired()
    assert time.time is real
    assert lifetime.time is real


def test_a_module_that_is_imported_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who took the clock while it was moved reads the real time afterwards."""
    with ProcessClock().ruling() as clock:
        taken = time.time
        clock.advance(1000)
        assert taken() > 1000 + time.monotonic() * 0
    assert abs(taken() - time.time()) < 5


def test_the_clock_goes_forward_only() -> None:
    """Tokens that were seen would be from the future."""
    with pytest.raises(ValueError, match="forward"):
        ProcessClock().advance(-1)


def test_failures_of_other_endpoints(server, client) -> None:
    """Any endpoint, and any API, can fail; then it works again."""
    from requests_oauth2client.testing.failures import Failures

    api = server.protect("https://other.local")
    Failures(server).be_unreachable("api", times=2)
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            client.session.get(api.url, auth=client.client_credentials())
    assert client.session.get(api.url, auth=client.client_credentials()).ok
