-- Ids by a default that takes them from a sequence.
CREATE SEQUENCE mail_ids START WITH 1000 INCREMENT BY 10 NOCACHE;
CREATE TABLE virtual_domains (
  id BIGINT NOT NULL DEFAULT NEXTVAL(mail_ids),
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_users (
  id BIGINT NOT NULL DEFAULT NEXTVAL(mail_ids),
  domain_id BIGINT NOT NULL,
  email VARCHAR(100) NOT NULL,
  password VARCHAR(150) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_aliases (
  id BIGINT NOT NULL DEFAULT NEXTVAL(mail_ids),
  domain_id BIGINT NOT NULL,
  source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
