-- A login role with this password, made where it is missing. It never fails on the way: single-user mode would end there.
DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN
        CREATE ROLE {role};
    END IF;
    ALTER ROLE {role} LOGIN PASSWORD {verifier} VALID UNTIL 'infinity';
END
$do$
