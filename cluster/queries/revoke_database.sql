REVOKE {privilege} ON DATABASE {database} FROM {role}
