-- Its owner may have closed it to all but superusers.
ALTER DATABASE {database} WITH ALLOW_CONNECTIONS true CONNECTION LIMIT -1;
GRANT CONNECT ON DATABASE {database} TO {role}
