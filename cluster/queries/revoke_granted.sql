-- What somebody else than the database's owner granted: REVOKE of a superuser passes over it.
SET ROLE {grantor};
REVOKE {privilege} ON DATABASE {database} FROM {role};
RESET ROLE
