ALTER ROLE {role} VALID UNTIL {moment}
