"""The second login of a role: while its password is rotated, both let in, each with a password of its own. Pure.

PostgreSQL keeps one verifier a role, and SCRAM proves one password a name. So the new password comes with a new name, a
member of the role whose sessions are the role's; the next rotation comes back to the role itself.
"""

_SUFFIX = "_alternate"


def second_login(role: str) -> str:
    """The name of the second login of ``role``."""
    return f"{role}{_SUFFIX}"


def other_login(role: str, login: str) -> str:
    """Of the two logins of ``role`` the one that is not ``login``."""
    return second_login(role) if login == role else role


def role_of_login(name: str) -> str:
    """The role whose second login is called ``name``; "" where that is no such name."""
    return name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else ""
