-- For tools that begin with some database: everybody may enter, nobody may make anything.
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO PUBLIC
