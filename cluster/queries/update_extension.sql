ALTER EXTENSION {extension} UPDATE TO {version}
