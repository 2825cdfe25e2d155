-- For assertions about restored data. BYPASSRLS: row security would hide the very rows that are asked for. Event triggers,
-- which run at every login, are whatever the data's owner wrote.
CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS INHERIT IN ROLE pg_read_all_data;
ALTER ROLE {role} SET event_triggers = off
