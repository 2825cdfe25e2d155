ALTER ROLE {role} SET {parameter} = {value}
