-- The tables of the ISPmail guide for SQLite. NOCASE does for addresses what the collations of MariaDB do, CHECK what
-- its column widths do.
CREATE TABLE IF NOT EXISTS virtual_domains (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT COLLATE NOCASE NOT NULL UNIQUE CHECK (length(name) <= 50)
);

CREATE TABLE IF NOT EXISTS virtual_users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain_id INTEGER NOT NULL REFERENCES virtual_domains (id) ON DELETE CASCADE,
  email TEXT COLLATE NOCASE NOT NULL UNIQUE CHECK (length(email) <= 100),
  password TEXT NOT NULL CHECK (length(password) <= 150),
  quota INTEGER DEFAULT 0
);

CREATE TABLE IF NOT EXISTS virtual_aliases (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain_id INTEGER NOT NULL REFERENCES virtual_domains (id) ON DELETE CASCADE,
  source TEXT COLLATE NOCASE NOT NULL CHECK (length(source) <= 100),
  destination TEXT COLLATE NOCASE NOT NULL CHECK (length(destination) <= 100)
);

CREATE INDEX IF NOT EXISTS virtual_aliases_source ON virtual_aliases (source);
