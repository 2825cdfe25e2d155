GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT ON TABLE {table} TO {role}
