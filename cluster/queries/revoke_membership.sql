REVOKE {group} FROM {role}
