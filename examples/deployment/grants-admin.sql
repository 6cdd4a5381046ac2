-- The account of ispmail-admin, the page for administrators. As root:
--
--   mariadb < grants-admin.sql
--
-- MariaDB's socket tells that the system user ispmail-admin asks, so there is no password to keep. One
-- that was made with a password before loses it.
CREATE USER IF NOT EXISTS 'ispmail-admin'@'localhost' IDENTIFIED VIA unix_socket;
ALTER USER 'ispmail-admin'@'localhost' IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS 20;
GRANT SELECT, INSERT, UPDATE, DELETE ON mailserver.virtual_domains TO 'ispmail-admin'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON mailserver.virtual_users TO 'ispmail-admin'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON mailserver.virtual_aliases TO 'ispmail-admin'@'localhost';
