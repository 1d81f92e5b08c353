"""The plan of the house: which room stands on which floor, and the rules that keep it readable.

A room is a module of the package (`testing` and `vendor_specific`: with all their files, the pytest plugin aside). It
stands above everything it imports; imports under `TYPE_CHECKING` and inside functions count, since a reader follows them
too.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import requests_oauth2client
from requests_oauth2client import exceptions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PACKAGE = Path(requests_oauth2client.__file__).parent
NAME = "requests_oauth2client"

FLOORS_DRAWING = ROOT / "docs" / "explanations" / "architecture.md"
"""A new room is entered there, above all that it imports."""

CONTRACT = """
AccessDenied AccountSelectionRequired ApiClient AuthorizationPending AuthorizationRequest AuthorizationRequestSerializer
AuthorizationResponse AuthorizationResponseError BackChannelAuthenticationError BackChannelAuthenticationPollingJob
BackChannelAuthenticationPoolingJob BackChannelAuthenticationResponse BaseClientAssertionAuthenticationMethod
BaseClientAuthenticationMethod BaseTokenEndpointPollingJob BaseTokenEndpointPoolingJob BearerToken BearerTokenSerializer
ClientSecretBasic ClientSecretJwt ClientSecretPost CodeChallengeMethods ConsentRequired DPoPKey DPoPToken
DeviceAuthorizationError DeviceAuthorizationPollingJob DeviceAuthorizationPoolingJob DeviceAuthorizationResponse
EncryptionAlgs EndpointError Endpoints ExpiredAccessToken ExpiredIdToken ExpiredToken GrantTypes IdToken InteractionRequired
IntrospectionError InvalidAcrValuesParam InvalidAuthResponse InvalidBackChannelAuthenticationResponse
InvalidBackchannelAuthenticationRequestHintParam InvalidBoolFieldsParam InvalidClient InvalidClientAssertionSigningKeyOrAlg
InvalidCodeVerifierParam InvalidDPoPAccessToken InvalidDPoPAlg InvalidDPoPKey InvalidDPoPProof
InvalidDeviceAuthorizationResponse InvalidDiscoveryDocument InvalidEndpointUri InvalidGrant InvalidIdToken InvalidIssuer
InvalidMaxAgeParam InvalidParam InvalidPathParam InvalidPushedAuthorizationResponse InvalidRequest
InvalidRequestForClientAuthentication InvalidScope InvalidScopeParam InvalidTarget InvalidTokenResponse InvalidUri
InvalidUseDPoPNonceResponse KeyManagementAlgs LoginRequired MismatchingIdTokenAcr MismatchingIdTokenAlg
MismatchingIdTokenAudience MismatchingIdTokenAzp MismatchingIdTokenIssuer MismatchingIdTokenNonce MismatchingIssuer
MismatchingState MissingAuthCode MissingAuthRequestId MissingDPoPNonce MissingDeviceCode MissingEndpointUri MissingIdToken
MissingIdTokenEncryptedResponseAlgParam MissingIssuer MissingIssuerParam MissingRefreshToken NonRenewableTokenError
OAuth2AccessTokenAuth OAuth2AuthorizationCodeAuth OAuth2Client OAuth2ClientCredentialsAuth OAuth2DeviceCodeAuth OAuth2Error
OAuth2ResourceOwnerPasswordAuth PkceUtils PrivateKeyJwt PublicApp RepeatedDPoPNonce RequestParameterAuthorizationRequest
RequestUriParameterAuthorizationRequest ResponseTypes RevocationError ServerError SessionSelectionRequired SignatureAlgs
SlowDown TokenEndpointError TokenSerializer UnauthorizedClient UnknownActorTokenType UnknownIntrospectionError
UnknownSubjectTokenType UnknownTokenEndpointError UnknownTokenType UnsupportedClientCredentials
UnsupportedCodeChallengeMethod UnsupportedResponseTypeParam UnsupportedTokenType UseDPoPNonce oauth2_discovery_document_url
oidc_discovery_document_url requests validate_dpop_proof validate_endpoint_uri validate_issuer_uri well_known_uri
""".split()
"""Names that code written for earlier versions imports from the root."""

DEPENDENCIES = {"requests", "attrs", "jwskate", "binapy", "furl", "typing-extensions"}
"""What a plain install may ask for."""

EXTRAS = {
    "file": {"filelock"},
    "keyring": {"keyring", "filelock"},
    "redis": {"redis"},
    "otel": {"opentelemetry-api"},
    "cli": {"rich", "shtab"},
}
"""What an extra may ask for; `optional.needed` imports it when it is used."""

ROOMS_IN_PACKAGES = {"testing.plugin": {"pytest"}}
"""Rooms on a higher floor than their package, and what is there already when they are imported."""

MAX_FUNCTION_LINES = 60


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(file: Path) -> str:
    """`client_authentication`, `testing.server`; `testing` for its `__init__.py`, `__init__` for the root's."""
    parts = list(file.relative_to(PACKAGE).with_suffix("").parts)
    if len(parts) > 1 and parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


MODULES = {dotted(file): file for file in files()}


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def imports(module: str) -> list[tuple[str, str]]:
    """(module, name) of every import of a file; the name is empty for `import module`."""
    package = [NAME, *module.split(".")]
    if MODULES[module].name != "__init__.py" or module == "__init__":
        package = package[:-1]
    found = []
    for node in ast.walk(parse(MODULES[module])):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            found += [(target, alias.name) for alias in node.names]
    return found


def inner_imports(module: str) -> set[str]:
    """Modules of the package that a file imports."""
    found = set()
    for target, name in imports(module):
        if target != NAME and not target.startswith(f"{NAME}."):
            continue
        inner = target[len(NAME) + 1 :]
        as_module = ".".join(filter(None, [inner, name]))
        found.add(as_module if as_module in MODULES else inner or "__init__")
    return found - {module}


def room(module: str) -> str:
    """The room of a module: a package is one, but for what is drawn by itself, such as `testing.plugin`."""
    return module if module in ROOMS_IN_PACKAGES else module.partition(".")[0]


def floors() -> dict[str, int]:
    """The floor of each room, as drawn."""
    drawing = re.search(r"```floors\n(.*?)```", FLOORS_DRAWING.read_text("utf-8"), re.DOTALL)
    assert drawing
    lines = [line.split() for line in drawing.group(1).splitlines()]
    rooms = {room: int(floor) for floor, *rooms in lines for room in rooms}
    assert len(rooms) == sum(len(line) - 1 for line in lines), "a room is drawn twice"
    return rooms


def test_every_room_has_its_floor() -> None:
    """Each room is drawn in `docs/explanations/architecture.md`, and nothing else is."""
    assert sorted(floors()) == sorted({room(module) for module in MODULES})


@pytest.mark.parametrize("module", MODULES)
def test_arrows_go_down(module: str) -> None:
    """A room imports only rooms of lower floors; so no circle can arise between rooms."""
    floor = floors()
    upward = {
        target
        for target in inner_imports(module)
        if room(target) != room(module) and floor[room(target)] >= floor[room(module)]
    }
    assert upward == set()


def test_no_circles() -> None:
    """No files import each other, inside `testing` and `vendor_specific` neither."""
    arrows = {module: inner_imports(module) for module in MODULES}
    while ground := {module for module, targets in arrows.items() if not targets & set(arrows)}:
        for module in ground:
            del arrows[module]
    assert arrows == {}


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring aside."""
    last = function.end_lineno or function.lineno
    told = function.body[0] if ast.get_docstring(function) else None
    return last - function.lineno + 1 - ((told.end_lineno or 0) - told.lineno + 1 if told else 0)


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module: str) -> None:
    """The code of a function fits on a screen."""
    functions = [
        node for node in ast.walk(parse(MODULES[module])) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    assert {node.name: lines for node in functions if (lines := code_lines(node)) > MAX_FUNCTION_LINES} == {}


def wings() -> list[type]:
    from requests_oauth2client.endpoint import BaseClient

    client = requests_oauth2client.OAuth2Client
    return [base for base in client.__mro__[1:] if issubclass(base, BaseClient) and base is not BaseClient]


def test_wings_are_stateless() -> None:
    """The classes that make up `OAuth2Client` add verbs: no field, no constructor, no `super()`."""
    assert wings()
    for wing in wings():
        assert vars(wing).get("__slots__") == (), wing
        assert "__init__" not in vars(wing), wing
        assert "__attrs_attrs__" not in vars(wing), wing
        names = {
            node.id
            for node in ast.walk(parse(MODULES[room(wing.__module__.partition(".")[2])]))
            if isinstance(node, ast.Name)
        }
        assert "super" not in names, wing


def test_client_has_no_dict() -> None:
    """A client has the slots of its fields and nothing else, whatever its bases."""
    client = requests_oauth2client.OAuth2Client("https://as.local/token", client_id="client")
    assert not hasattr(client, "__dict__")


def test_all_is_sorted() -> None:
    """`__all__` is sorted and says nothing twice."""
    assert requests_oauth2client.__all__ == sorted(set(requests_oauth2client.__all__))


def test_all_is_complete() -> None:
    """Every name of the contract is exported, and every exported name exists."""
    exported = set(requests_oauth2client.__all__)
    assert set(CONTRACT) - exported == set()
    for name in exported:
        assert getattr(requests_oauth2client, name) is not None, name


def test_star_import() -> None:
    """`from requests_oauth2client import *` binds every exported name, `requests` included."""
    names: dict[str, object] = {}
    exec("from requests_oauth2client import *", names)
    assert set(requests_oauth2client.__all__) <= set(names)


def test_lazy_exports_agree_with_types() -> None:
    """Type checkers see the names that `__getattr__` loads, from the same rooms."""
    typed = {}
    for node in ast.walk(parse(PACKAGE / "__init__.py")):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in ast.walk(node):
                if isinstance(statement, ast.ImportFrom):
                    typed |= {alias.asname or alias.name: statement.module for alias in statement.names}
    assert typed
    for name, module in typed.items():
        origin = importlib.import_module(f".{module}" if module in MODULES else str(module), NAME)
        assert getattr(requests_oauth2client, name) is getattr(origin, name), name
    assert set(requests_oauth2client.__all__) - {"requests"} <= set(typed)


def test_unknown_root_name() -> None:
    """A name that the root does not have is an `AttributeError`, as for any module."""
    with pytest.raises(AttributeError, match="nonsense"):
        requests_oauth2client.nonsense  # noqa: B018 - reading it is the test


def all_errors() -> set[type[BaseException]]:
    for module in pkgutil.walk_packages([str(PACKAGE)], f"{NAME}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[BaseException]] = set()
    todo: list[type[BaseException]] = [exceptions.OAuth2Error]
    while todo:
        error = todo.pop()
        if error not in found:
            found.add(error)
            todo += [child for child in error.__subclasses__() if child.__module__.startswith(NAME)]
    return found


def drawn_tree() -> dict[str, str | None]:
    """Parent of each class in the drawing."""
    drawing = re.search(r"```\n(.*?)```", exceptions.__doc__ or "", re.DOTALL)
    assert drawing
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in drawing.group(1).splitlines():
        branch, name = re.fullmatch(r"([│├└─ ]*)(\w+)", line).groups()  # type: ignore[union-attr] - else: not a drawing
        depth = len(branch) // 3
        del path[depth:]
        assert name not in parents
        parents[name] = path[-1] if path else None
        path.append(name)
    return parents


def test_exception_tree_is_as_drawn() -> None:
    """The drawing on top of `exceptions.py` shows every error of ours, under its base."""
    errors = {error for error in all_errors() if not error.__name__.startswith("_")}
    real = {
        error.__name__: next((base.__name__ for base in error.__mro__[1:] if base in errors), None) for error in errors
    }
    assert real == drawn_tree()


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_importing_the_root_is_cheap() -> None:
    """`import requests_oauth2client` loads neither JOSE nor furl nor any room that needs them."""
    loaded = run_python(f"import sys, {NAME}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))").split()
    assert NAME in loaded
    assert set(loaded) & {"jwskate", "binapy", "furl", "cryptography"} == set()


def test_a_plain_client_loads_no_jose() -> None:
    """A token by client secret needs neither jwskate nor furl nor cryptography."""
    code = f"""
import sys
from {NAME} import ApiClient, OAuth2Client, OAuth2ClientCredentialsAuth
client = OAuth2Client("https://as.local/token", client_id="client", client_secret="secret", issuer="https://as.local")
ApiClient("https://api.local", auth=OAuth2ClientCredentialsAuth(client, scope="read"))
print(*sorted({{m.partition('.')[0] for m in sys.modules}}))
"""
    assert set(run_python(code).split()) & {"jwskate", "binapy", "furl", "cryptography"} == set()


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]  # type: ignore[no-any-return]


def test_a_plain_install_is_small() -> None:
    """The package asks for five packages, and one more on old Pythons."""
    asked = {canonicalize_name(Requirement(line).name) for line in project()["dependencies"]}  # type: ignore[attr-defined]
    assert asked == DEPENDENCIES


def test_extras_are_small() -> None:
    """An extra asks for what its rooms need, and no more."""
    extras = project()["optional-dependencies"]
    asked = {name: {canonicalize_name(Requirement(line).name) for line in lines} for name, lines in extras.items()}  # type: ignore[attr-defined]
    assert asked == {**asked, **EXTRAS}


def closure(names: set[str]) -> set[str]:
    """Distributions that `names` need, themselves included, on this Python, without extras."""
    from importlib.metadata import requires

    found: set[str] = set()
    todo = set(names)
    while todo:
        name = todo.pop()
        found.add(name)
        needed = [Requirement(line) for line in requires(name) or ()]
        todo |= {
            canonicalize_name(need.name) for need in needed if not need.marker or need.marker.evaluate({"extra": ""})
        } - found
    return found


def test_nothing_else_is_imported() -> None:
    """No file of the package imports a distribution that a plain install does not bring."""
    brought = closure(DEPENDENCIES)
    owners = packages_distributions()
    for module in MODULES:
        for target, _ in imports(module):
            top = target.partition(".")[0]
            if top == NAME or top in sys.stdlib_module_names or top in ROOMS_IN_PACKAGES.get(module, ()):
                continue
            assert {canonicalize_name(owner) for owner in owners.get(top, [top])} & brought, (
                f"{module} imports {target}"
            )
