-- The accounts of the ISPmail guide. The one of the password service is in ../deployment/grants.sql.

-- Postfix and Dovecot only read. To MariaDB, 127.0.0.1 is TCP.
CREATE USER 'mailuser'@'127.0.0.1' IDENTIFIED BY 'ChangeMe-mailuser';
GRANT SELECT ON mailserver.* TO 'mailuser'@'127.0.0.1';

-- Administrators write, in phpMyAdmin or with ispmailctl. To MariaDB, localhost is the socket.
CREATE USER 'mailadmin'@'localhost' IDENTIFIED BY 'ChangeMe-mailadmin';
GRANT ALL PRIVILEGES ON mailserver.* TO 'mailadmin'@'localhost';
