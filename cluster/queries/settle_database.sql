-- The database belongs to the superuser, so that nobody else may ALTER DATABASE … SET. Who owned it keeps what that
-- was good for: making schemas, publications and extensions, and granting that on.
ALTER DATABASE {database} OWNER TO postgres;
GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {database} TO {owner} WITH GRANT OPTION
