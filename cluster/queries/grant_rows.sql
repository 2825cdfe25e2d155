-- Rows alone: with TRIGGER on a table its owner's own next UPDATE would run what the grantee wrote.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}
