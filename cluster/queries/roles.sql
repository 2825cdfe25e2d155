-- Login roles and their password verifiers.
SELECT rolname AS name, rolpassword AS verifier FROM pg_catalog.pg_authid WHERE rolcanlogin
