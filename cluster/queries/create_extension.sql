CREATE EXTENSION {extension} SCHEMA {schema} VERSION {version}
