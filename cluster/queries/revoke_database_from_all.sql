REVOKE {privilege} ON DATABASE {database} FROM PUBLIC
