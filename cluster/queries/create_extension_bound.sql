-- Its control file says in which schema it is.
CREATE EXTENSION {extension} VERSION {version}
