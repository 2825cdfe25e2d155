import pytest

from compose.engine import apt, base_image
from tests.fix_settings import settings_of


def test_a_base_image_is_made_from_the_archive_as_a_tar() -> None:
    argv = base_image._bootstrap_argv(
        settings_of(stale_mirror="false", debian_suite="trixie"), "http://mirror.example/debian"
    )
    assert argv[0] == "mmdebstrap"
    assert argv[-3:] == ["trixie", "-", "http://mirror.example/debian"]
    assert not [word for word in argv if "aptopt" in word]


def test_a_proxy_with_a_password_is_in_no_argument() -> None:
    settings = settings_of(proxy="http://me:precious@proxy.example:3128")
    assert base_image.proxied(settings)["http_proxy"] == settings.proxy
    assert "precious" not in " ".join(base_image._bootstrap_argv(settings, "http://mirror.example/debian"))
    assert base_image.proxied(settings_of()) == {}


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ("E: Release file for http://x is expired (invalid since 3d)", "PODS_STALE_MIRROR=true"),
        ("E: Could not connect to proxy", "PODS_PROXY"),
    ],
)
def test_a_bootstrap_that_failed_hints_at_what_would_help(told: str, hint: str) -> None:
    assert hint in base_image._mirror_hint(told)


def test_a_bootstrap_that_failed_is_told_by_its_first_error_else_its_last_words() -> None:
    assert apt.first_error("I: a\nE: first\nE: second\n") == "first"
    assert apt.first_error("a\nb\n") == "a / b"
