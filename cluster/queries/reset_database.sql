ALTER DATABASE {database} RESET {parameter}
