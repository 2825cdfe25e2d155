ALTER ROLE {role} RESET {parameter}
