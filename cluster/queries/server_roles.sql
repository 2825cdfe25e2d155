-- Every role that is not predefined; "" where it has no password, NULL where it is valid for ever or without a word.
SELECT r.rolname AS name, r.rolcanlogin AS login, r.rolcreatedb AS creates_databases,
       r.rolconnlimit AS connection_limit, coalesce(r.rolpassword, '') AS verifier,
       extract(epoch FROM r.rolvaliduntil)::pg_catalog.float8 AS valid_until,
       r.rolsuper OR r.rolreplication OR r.rolcreaterole OR r.rolbypassrls AS mighty
FROM pg_catalog.pg_authid r
WHERE r.rolname !~ '^pg_'
