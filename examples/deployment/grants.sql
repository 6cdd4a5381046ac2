-- The account of ispmail-passwd: it reads four columns and writes one. As root:
--
--   mariadb < grants.sql
--
-- MariaDB's socket tells that the system user ispmail-passwd asks, so there is no password to keep. One
-- that was made with a password before loses it.
CREATE USER IF NOT EXISTS 'ispmail-passwd'@'localhost' IDENTIFIED VIA unix_socket;
ALTER USER 'ispmail-passwd'@'localhost' IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS 20;
GRANT SELECT (id, domain_id, email, password), UPDATE (password)
  ON mailserver.virtual_users TO 'ispmail-passwd'@'localhost';
-- For ISPMAIL_PASSWD_STATE_COLUMN=active, where virtual_users, or virtual_domains too, has a column active:
-- GRANT SELECT (active) ON mailserver.virtual_users TO 'ispmail-passwd'@'localhost';
-- GRANT SELECT (id, name, active) ON mailserver.virtual_domains TO 'ispmail-passwd'@'localhost';
