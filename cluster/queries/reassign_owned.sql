REASSIGN OWNED BY {role} TO {heir}
