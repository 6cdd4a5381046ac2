-- An API server on the guide's table names whose ids are UUIDs: passwords are changed there, and nothing else.
CREATE TABLE virtual_domains (
  id CHAR(36) NOT NULL,
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_users (
  id CHAR(36) NOT NULL,
  domain_id CHAR(36),
  email VARCHAR(100) NOT NULL,
  password VARCHAR(150) NOT NULL,
  quota INT NOT NULL DEFAULT 0,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_aliases (
  id CHAR(36) NOT NULL,
  domain_id CHAR(36),
  source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
