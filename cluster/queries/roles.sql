-- Login roles and their password verifiers.
SELECT rolname AS name, rolpassword AS verifier FROM pg_authid WHERE rolcanlogin
