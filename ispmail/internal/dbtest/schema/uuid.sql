-- An API server on the guide's table names whose ids are UUIDs: not supported.
CREATE TABLE virtual_domains (
  id VARCHAR(64) NOT NULL,
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_users (
  id VARCHAR(64) NOT NULL,
  domain_id VARCHAR(64),
  email VARCHAR(100) NOT NULL,
  password VARCHAR(150) NOT NULL,
  quota INT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_aliases (
  id VARCHAR(64) NOT NULL,
  domain_id VARCHAR(64),
  source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
