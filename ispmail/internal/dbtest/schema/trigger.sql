-- Ids that triggers take from a sequence.
CREATE SEQUENCE mail_ids START WITH 1000 NOCACHE;
CREATE TABLE virtual_domains (
  id BIGINT NOT NULL,
  name VARCHAR(50) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_users (
  id BIGINT NOT NULL,
  domain_id BIGINT NOT NULL,
  email VARCHAR(100) NOT NULL,
  password VARCHAR(150) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_aliases (
  id BIGINT NOT NULL,
  domain_id BIGINT NOT NULL,
  source VARCHAR(100) NOT NULL,
  destination VARCHAR(100) NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TRIGGER domain_id BEFORE INSERT ON virtual_domains FOR EACH ROW SET NEW.id = NEXTVAL(mail_ids);
CREATE TRIGGER user_id BEFORE INSERT ON virtual_users FOR EACH ROW SET NEW.id = NEXTVAL(mail_ids);
CREATE TRIGGER alias_id BEFORE INSERT ON virtual_aliases FOR EACH ROW SET NEW.id = NEXTVAL(mail_ids);
