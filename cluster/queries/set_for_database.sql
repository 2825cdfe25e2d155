ALTER DATABASE {database} SET {parameter} = {value}
