-- The database of the ISPmail guide with its example accounts, and one more whose password an older guide stored.
CREATE DATABASE mailserver CHARACTER SET utf8mb4;
USE mailserver;

CREATE TABLE virtual_domains (
  id   INT NOT NULL AUTO_INCREMENT,
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY name (name)
) ENGINE=InnoDB;

CREATE TABLE virtual_users (
  id        INT NOT NULL AUTO_INCREMENT,
  domain_id INT NOT NULL,
  email     VARCHAR(100) NOT NULL,
  password  VARCHAR(150) NOT NULL,
  quota     BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB;

CREATE TABLE virtual_aliases (
  id          INT NOT NULL AUTO_INCREMENT,
  domain_id   INT NOT NULL,
  source      VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB;

-- The password of both users is summersun.
INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org');
INSERT INTO virtual_users (domain_id, email, password) VALUES
  (1, 'john@example.org', '{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7'),
  (1, 'md5@example.org', '{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd');
INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'jack@example.org', 'john@example.org');
