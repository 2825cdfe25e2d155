-- The rights are in this database, which the role was never let out of.
DO $take$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rewinder') THEN
        DROP OWNED BY rewinder;
        DROP ROLE rewinder;
    END IF;
END $take$
