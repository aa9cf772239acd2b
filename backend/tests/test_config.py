"""Settings: each bad one is refused in one sentence. The secret of a development server."""

import os
import secrets
import stat
from pathlib import Path

import pytest

from app.core.config import ConfigError, Settings, load_settings
from app.core.secret_strength import is_weak

GOOD_SECRET = "kX9#mQ2vLp7!wZr4TbN8sYc1HfJd6GaE"
OTHER_SECRET = "pV5&hR8jWn3?xDt6EyK1uFg9MqBs4ZoC"
NEW_SECRET = "aT7%cU2kYb5*eGi9LoP4rSv1XzHw8JdN"


def _load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"AUTH_{name}", value)
    return load_settings()


def test_the_defaults_suit_development(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch)
    assert settings.environment == "development"
    assert settings.cors_origins == ("http://localhost:8080", "http://127.0.0.1:8080")
    assert settings.port == 8000


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"SECRET": "short"}, "AUTH_SECRET must have at least 32 bytes"),
        ({"PREVIOUS_SECRETS": f"{GOOD_SECRET},short"}, "AUTH_PREVIOUS_SECRETS must have at least"),
        ({"ENVIRONMENT": "staging"}, "AUTH_ENVIRONMENT: "),
        ({"PORT": "70000"}, "AUTH_PORT: "),
        ({"ACCESS_TOKEN_SECONDS": "0"}, "AUTH_ACCESS_TOKEN_SECONDS: "),
        ({"ACCESS_TOKEN_SECONDS": "soon"}, "AUTH_ACCESS_TOKEN_SECONDS: "),
        ({"LEEWAY_SECONDS": "61"}, "AUTH_LEEWAY_SECONDS: "),
        ({"ROTATION": "none"}, "AUTH_ROTATION: "),
        ({"REFRESH_IDLE_SECONDS": "9", "REFRESH_ABSOLUTE_SECONDS": "8"}, "never take effect"),
        ({"DATABASE_URL": "nonsense"}, "AUTH_DATABASE_URL: not a database address"),
        ({"DATABASE_URL": "mysql://localhost/x"}, "AUTH_DATABASE_URL: mysql is not supported"),
        ({"DATABASE_URL": "sqlite://"}, "AUTH_DATABASE_URL: an SQLite database must be a file"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "must be a file"),
        ({"CORS_ORIGINS": "*"}, "AUTH_CORS_ORIGINS: '*' is not an origin"),
        ({"CORS_ORIGINS": "https://app.example/"}, "is not an origin"),
        ({"CORS_ORIGINS": "https://app.example/path"}, "is not an origin"),
        ({"CORS_ORIGINS": "https://a.example,app.example"}, "'app.example' is not an origin"),
        ({"CORS_ORIGINS": "https://*.example"}, "is not an origin"),
        ({"CORS_ORIGINS": "https://user@app.example"}, "is not an origin"),
        ({"CORS_ORIGINS": "http://localhost:99999"}, "is not an origin"),
        ({"CORS_ORIGINS": "null"}, "is not an origin"),
        ({"CORS_ORIGINS": "https://app.example:443"}, "is not an origin"),
        ({"TRUSTED_PROXIES": "10.0.0.1,proxy"}, "'proxy' is neither an address nor a network"),
        ({"ARGON2_PARALLELISM": "16", "ARGON2_MEMORY_KIB": "100"}, "at least 8 times"),
        ({"ARGON2_MEMORY_KIB": "9999999999"}, "AUTH_ARGON2_MEMORY_KIB: "),
        ({"ARGON2_TIME_COST": "9999999999"}, "AUTH_ARGON2_TIME_COST: "),
        ({"REFRESH_ABSOLUTE_SECONDS": "9" * 30}, "AUTH_REFRESH_ABSOLUTE_SECONDS: "),
        ({"DATABASE_URL": "postgresql://me:pw@host:port/x"}, "not a database address"),
        ({"DATABASE_URL": "sqlite:///x.db?timeout=1"}, "an SQLite address has no parameters"),
        ({"ENVIRONMENT": "production"}, "AUTH_SECRET must be set outside development"),
    ],
)
def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        _load(monkeypatch, **variables)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_misspelt_setting_is_refused_with_the_meant_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError) as error:
        _load(monkeypatch, ENVIROMENT="production")
    assert str(error.value) == ("AUTH_ENVIROMENT is not a setting; did you mean AUTH_ENVIRONMENT?")
    monkeypatch.delenv("AUTH_ENVIROMENT")
    with pytest.raises(ConfigError, match="AUTH_XYZZY is not a setting"):
        _load(monkeypatch, XYZZY="hunter2")


def test_the_variables_of_the_commands_are_no_misspelt_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _load(monkeypatch, USER_PASSWORD="x").port == 8000


def test_a_value_that_is_no_text_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^AUTH_SECRET is not UTF-8\.$"):
        _load(monkeypatch, SECRET="\udcff" * 40)


PRODUCTION = {"ENVIRONMENT": "production", "SECRET": GOOD_SECRET}


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"CORS_ORIGINS": "http://app.example"}, "'http://app.example' has no TLS"),
        ({"ARGON2_MEMORY_KIB": "40000", "ARGON2_TIME_COST": "1"}, "at least 47104"),
        ({"ARGON2_MEMORY_KIB": "19455", "ARGON2_TIME_COST": "9"}, "at least 19456"),
    ],
)
def test_production_refuses_what_only_development_may_do(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        _load(monkeypatch, **PRODUCTION, **variables)
    assert complaint in str(error.value)
    for name in PRODUCTION:
        monkeypatch.delenv(f"AUTH_{name}")
    _load(monkeypatch, **variables)


def test_a_random_secret_of_any_form_is_never_taken_for_a_weak_one() -> None:
    made = [
        make(size)
        for size in (24, 32, 64)
        for make in (secrets.token_urlsafe, secrets.token_hex)
        for _ in range(20)
    ]
    assert [secret for secret in made if is_weak(secret)] == []


WEAK_SECRETS = [
    "passwordpassword1234567890123456",
    "kX9#mQ2vLp7!wZr4kX9#mQ2vLp7!wZr4",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "!\"#$%&'()*+,-./0123456789:;<=>?@AB",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7",
    "this-is-my-secret-key-please-change-it",
    "MY_SUPER_SECRET_JWT_SIGNING_KEY_FOR_PRODUCTION",
    "a" * 64,
    "0123456789" * 4 + "changeme",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "Your-Secret-Key-Of-At-Least-32-Bytes!",
    "12345678" * 8,
]


@pytest.mark.parametrize("weak", WEAK_SECRETS)
def test_a_weak_secret_refuses_to_boot_outside_development(
    monkeypatch: pytest.MonkeyPatch, weak: str
) -> None:
    with pytest.raises(ConfigError, match="AUTH_SECRET") as error:
        _load(monkeypatch, ENVIRONMENT="production", SECRET=weak)
    assert weak not in str(error.value)


@pytest.mark.parametrize("weak", WEAK_SECRETS)
def test_a_weak_previous_secret_refuses_to_boot_outside_development(
    monkeypatch: pytest.MonkeyPatch, weak: str
) -> None:
    previous = f"{OTHER_SECRET},{weak}"
    with pytest.raises(ConfigError, match="AUTH_PREVIOUS_SECRETS") as error:
        _load(monkeypatch, ENVIRONMENT="production", SECRET=GOOD_SECRET, PREVIOUS_SECRETS=previous)
    assert weak not in str(error.value)


def test_previous_secrets_are_separated_by_commas_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    previous = f"{GOOD_SECRET}, {OTHER_SECRET},"
    settings = _load(monkeypatch, ENVIRONMENT="production", SECRET=NEW_SECRET)
    assert settings.previous_keys() == ()
    settings = _load(monkeypatch, PREVIOUS_SECRETS=previous)
    assert settings.signing_key() == NEW_SECRET.encode()
    assert settings.previous_keys() == (GOOD_SECRET.encode(), OTHER_SECRET.encode())
    assert OTHER_SECRET not in repr(settings)


def test_a_strong_secret_boots_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, ENVIRONMENT="production", SECRET=GOOD_SECRET)
    assert settings.signing_key() == GOOD_SECRET.encode()
    assert GOOD_SECRET not in repr(settings)


def test_cheap_argon2_refuses_to_boot_outside_development(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="AUTH_ARGON2_MEMORY_KIB"):
        _load(monkeypatch, ENVIRONMENT="production", SECRET=GOOD_SECRET, ARGON2_MEMORY_KIB="19455")


def test_a_bad_database_address_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as error:
        _load(monkeypatch, DATABASE_URL="mysql://me:hunter2@host/x")
    assert "hunter2" not in str(error.value)


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, CORS_ORIGINS="https://a.example, http://[::1]:8080,")
    assert settings.cors_origins == ("https://a.example", "http://[::1]:8080")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_uses_the_driver_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    settings = _load(monkeypatch, DATABASE_URL=f"{scheme}://me:pw@host/db")
    assert settings.url.drivername == "postgresql+psycopg"
    assert settings.url.password == "pw"
    assert "pw@" not in repr(settings)


def test_a_development_secret_is_made_once_and_kept_for_its_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = _load(monkeypatch, DATABASE_URL=f"sqlite:///{tmp_path}/data/auth.db")
    first = settings.signing_key()
    assert len(first) >= 32
    assert settings.signing_key() == first
    kept = tmp_path / "data" / "auth.db.secret"
    assert [path.name for path in kept.parent.iterdir()] == ["auth.db.secret"]
    if os.name == "posix":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_kept_secret_can_follow_a_set_one_and_be_followed_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/auth.db"
    kept = _load(monkeypatch, DATABASE_URL=url, PREVIOUS_SECRETS=GOOD_SECRET)
    key = kept.signing_key()
    assert kept.previous_keys() == (GOOD_SECRET.encode(),)
    # The variable takes the text of the file as it is.
    copied = (tmp_path / "auth.db.secret").read_text()
    set_now = _load(monkeypatch, SECRET=GOOD_SECRET, PREVIOUS_SECRETS=copied)
    assert set_now.signing_key() == GOOD_SECRET.encode()
    assert set_now.previous_keys() == (key,)


def test_a_damaged_secret_file_is_reported_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "auth.db.secret").write_text("short")
    settings = _load(monkeypatch, DATABASE_URL=f"sqlite:///{tmp_path}/auth.db")
    with pytest.raises(ConfigError, match="damaged"):
        settings.signing_key()


def test_postgresql_in_development_wants_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, DATABASE_URL="postgresql://localhost/x")
    with pytest.raises(ConfigError, match="AUTH_SECRET must be set"):
        settings.signing_key()
