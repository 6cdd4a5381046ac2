-- The tables of the daemon, and its account on MariaDB. SQLite takes the first three statements too.
CREATE TABLE outbox (
    id BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL, -- seconds since 1970
    kind VARCHAR(40) NOT NULL,
    name VARCHAR(320) NOT NULL,
    data MEDIUMTEXT NOT NULL -- JSON
);
CREATE TABLE outbox_last (id BIGINT PRIMARY KEY); -- its only row is the id of the last event
INSERT INTO outbox_last VALUES (0);

CREATE USER provision@localhost IDENTIFIED VIA unix_socket;
GRANT SELECT, INSERT, UPDATE, DELETE ON virtual_domains TO provision@localhost;
GRANT SELECT, INSERT, UPDATE, DELETE ON virtual_users TO provision@localhost;
GRANT SELECT, INSERT, UPDATE, DELETE ON virtual_aliases TO provision@localhost;
GRANT SELECT, INSERT ON outbox TO provision@localhost;
GRANT SELECT, UPDATE ON outbox_last TO provision@localhost;
