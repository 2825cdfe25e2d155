-- A new database is nobody's but its owner's; the monitoring role sees that it answers. One transaction: until its owner
-- has something, it counts as new.
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO monitor;
GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {database} TO {owner} WITH GRANT OPTION
