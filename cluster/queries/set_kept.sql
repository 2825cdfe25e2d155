ALTER ROLE {role} IN DATABASE {database} SET {parameter} = {value}
