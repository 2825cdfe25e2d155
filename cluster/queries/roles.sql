-- Every role, its password's verifier, and whether it may log in.
SELECT rolname AS name, rolpassword AS verifier, rolcanlogin AS allowed FROM pg_catalog.pg_authid
