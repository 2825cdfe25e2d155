SET ROLE {grantor};
REVOKE {privilege} ON DATABASE {database} FROM PUBLIC;
RESET ROLE
