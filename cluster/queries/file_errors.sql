-- Lines of the configuration files that this server cannot use.
SELECT sourcefile AS file, sourceline AS line, name, error FROM pg_file_settings WHERE error IS NOT NULL
UNION ALL
SELECT file_name, line_number, 'pg_hba', error FROM pg_hba_file_rules WHERE error IS NOT NULL
