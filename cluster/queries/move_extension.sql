ALTER EXTENSION {extension} SET SCHEMA {schema}
