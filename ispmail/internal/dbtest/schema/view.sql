-- Tables with other names behind views with those of the guide, one of them on ids of UUID_SHORT().
CREATE TABLE mail_domains (
  id INT NOT NULL AUTO_INCREMENT,
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE mail_users (
  id BIGINT NOT NULL DEFAULT UUID_SHORT(),
  domain_id INT NOT NULL,
  email VARCHAR(100) NOT NULL,
  password VARCHAR(150) NOT NULL,
  comment VARCHAR(100),
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES mail_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE mail_aliases (
  id INT NOT NULL AUTO_INCREMENT,
  domain_id INT NOT NULL,
  source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY (domain_id) REFERENCES mail_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE VIEW virtual_domains AS SELECT id, name FROM mail_domains;
CREATE VIEW virtual_users AS SELECT id, domain_id, email, password FROM mail_users;
CREATE VIEW virtual_aliases AS SELECT id, domain_id, source, destination FROM mail_aliases;
