-- At first it lets nobody in: its sessions are to begin as the role's.
CREATE ROLE {role} NOLOGIN IN ROLE {group}
