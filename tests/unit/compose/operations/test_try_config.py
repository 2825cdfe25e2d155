import pytest

from compose.operations.try_config import _complaint


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (
            "2026-01-01 UTC [1] LOG:  starting PostgreSQL 18.1\n"
            '2026-01-01 UTC [1] LOG:  syntax error in file "/trial/user.conf" line 3, near token "="\n'
            '2026-01-01 UTC [1] FATAL:  configuration file "/trial/postgresql.conf" contains errors\n',
            'syntax error in file "config/postgresql.conf" line 3, near token "=" / '
            'configuration file "/trial/postgresql.conf" contains errors',
        ),
        (
            '[1] LOG:  invalid authentication method "maybe"\n'
            '[1] CONTEXT:  line 2 of configuration file "/trial/user_hba.conf"\n'
            "[1] LOG:  could not load /trial/pg_hba.conf\n",
            'invalid authentication method "maybe" / line 2 of configuration file "config/pg_hba.conf"',
        ),
        ("docker: no space left on device\n", "docker: no space left on device"),
        ("", "it printed nothing"),
    ],
)
def test_a_refused_configuration_is_told_with_the_user_s_own_file_names(output: str, complaint: str) -> None:
    assert _complaint(output) == complaint
