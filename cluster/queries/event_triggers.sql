-- Event triggers of this database; `trusted` where they and the functions they run belong to superusers.
SELECT t.evtname AS name, t.evtevent AS event, o.rolname AS owner, o.rolsuper AND w.rolsuper AS trusted
FROM pg_catalog.pg_event_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
JOIN pg_catalog.pg_roles w ON w.oid = t.evtowner
WHERE t.evtenabled <> 'D'
ORDER BY 1
