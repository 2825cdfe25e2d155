ALTER ROLE {role} IN DATABASE postgres SET {parameter} = {value}
