-- Rows for both releases. The hashes are those that pacrypt() of PostfixAdmin 3.3.13 made of "summersun".
INSERT INTO domain (domain, description, aliases, mailboxes, maxquota, quota, transport, backupmx, active) VALUES
  ('ALL', '', 0, 0, 0, 0, '', 0, 1),
  ('alias.example', '', 0, 0, 0, 0, 'virtual', 0, 1),
  ('backup.example', '', 0, 0, 0, 0, 'virtual', 1, 1),
  ('example.com', '', 0, 0, 0, 0, 'virtual', 0, 1),
  ('example.org', 'Our domain', 10, 10, 10, 2048, 'virtual', 0, 1),
  ('lame.example', '', 0, 0, 0, 0, 'virtual', 0, 1),
  ('long.long.long.long.long.long.long.long.long.long.example', '', 0, 0, 0, 0, 'virtual', 0, 1),
  ('map.example', '', 0, 0, 0, 0, 'virtual', 0, 1),
  ('old.example', '', 0, 0, 0, 0, 'virtual', 0, 0),
  ('quiet.example', '', 0, 0, 0, 0, 'virtual', 0, 1),
  ('relay.example', '', 0, 0, 0, 0, 'smtp:[192.0.2.1]', 0, 1),
  ('self.example', '', 0, 0, 0, 0, 'virtual', 0, 1);
INSERT INTO mailbox (username, password, name, maildir, quota, local_part, domain, active) VALUES
  ('bcrypt@example.org', '$2y$10$XXg9XWGJ6Y4j1ypuYUsEx.hwQongCDAsG1mqD7EeCGEO99RMuz/Pe', '', 'example.org/bcrypt/', 0, 'bcrypt', 'example.org', 1),
  ('box@example.com', '{PLAIN}summersun', 'Böx', 'example.com/box/', 0, 'box', 'example.com', 1),
  ('clear@example.org', 'summersun', '', 'example.org/clear/', 0, 'clear', 'example.org', 1),
  ('crypt@example.org', '{CRYPT}$6$003x3FQoj4ZmR2Tx$QaMl4MUtGBBLWDa1JUUBCeDoUBkivKuieHRZ9lCZ7PTFsxCYsJ6yXdT8J2iF2haydvpMGKvc7QXcvSzFS0NyZ.', '', 'example.org/crypt/', 0, 'crypt', 'example.org', 1),
  ('des@example.org', 'Dtx2KVNTZ99o2', '', 'example.org/des/', 0, 'des', 'example.org', 1),
  ('empty@example.org', '', '', 'example.org/empty/', 0, 'empty', 'example.org', 1),
  ('five@example.org', '{SHA256-CRYPT}$5$b43RHKa5Fws4Ztrp$XtkRi6.aKWIfHP2VZ4DrlcDzIRoRqlsOFOd5fu7u/tC', '', 'example.org/five/', 0, 'five', 'example.org', 1),
  ('hex@example.org', '14cbfb845af1f030e372b1cb9275e6dd', '', 'example.org/hex/', 0, 'hex', 'example.org', 1),
  ('jane@example.org', '{SHA512-CRYPT.B64}JDYkUGNwYmRUSUY0QUJkNVA2NCRPUFlYQ210NDMyOGxvL1NSTzRaNzJJcWlSMW0vY1FCM00wWFpIdlZSNGNrVFBWcC5MVVMyMTg0ZThKWXE1Q094VDdoUTRRU29PS0tiRENDY3d6cm00MQ==', '', 'example.org/jane/', 0, 'jane', 'example.org', 1),
  ('john@example.org', '$1$c9809462$gmnia3zkY/MaUkpcX8b9S0', 'John', 'example.org/john/', 10240000, 'john', 'example.org', 1),
  ('long@long.long.long.long.long.long.long.long.long.long.example', '{PLAIN}summersun', '', 'x/', 0, 'long', 'long.long.long.long.long.long.long.long.long.long.example', 1),
  ('lost@gone.example', '{PLAIN}summersun', '', 'x/', 0, 'lost', 'gone.example', 1),
  ('minus@example.org', '$1$vwEvY84m$qSJrYEPIUvZo0fyk7pCGO0', '', 'example.org/minus/', -1, 'minus', 'example.org', 1),
  ('off@example.org', '{PLAIN}summersun', '', 'example.org/off/', 0, 'off', 'example.org', 0),
  ('raw@example.org', '{md5raw}14cbfb845af1f030e372b1cb9275e6dd', '', 'example.org/raw/', 0, 'raw', 'example.org', 1),
  ('six@example.org', '$6$003x3FQoj4ZmR2Tx$QaMl4MUtGBBLWDa1JUUBCeDoUBkivKuieHRZ9lCZ7PTFsxCYsJ6yXdT8J2iF2haydvpMGKvc7QXcvSzFS0NyZ.', '', 'example.org/six/', 0, 'six', 'example.org', 1),
  ('vac@example.org', '{PLAIN}summersun', '', 'example.org/vac/', 0, 'vac', 'example.org', 1),
  ('x@backup.example', '{PLAIN}summersun', '', 'x/', 0, 'x', 'backup.example', 1),
  ('x@old.example', '{PLAIN}summersun', '', 'x/', 0, 'x', 'old.example', 1);
-- PostfixAdmin makes every mailbox an alias for itself.
INSERT INTO alias (address, goto, domain, active) SELECT username, username, domain, 1 FROM mailbox;
UPDATE alias SET goto = 'jane@example.org,someone@elsewhere.example' WHERE address = 'jane@example.org';
UPDATE alias SET goto = 'someone@elsewhere.example' WHERE address = 'five@example.org';
UPDATE alias SET goto = 'vac@example.org,vac#example.org@autoreply.example.org' WHERE address = 'vac@example.org';
INSERT INTO alias (address, goto, domain, active) VALUES
  ('@alias.example', 'jane@example.org', 'alias.example', 1),
  ('@example.com', 'john@example.org', 'example.com', 1),
  ('@map.example', '@example.org', 'map.example', 1),
  ('a@example.org', 'b@example.org', 'example.org', 1),
  ('abuse@alias.example', 'six@example.org', 'alias.example', 1),
  ('b@example.org', 'john@example.org', 'example.org', 1),
  ('away@example.org', 'away#example.org@autoreply.example.org', 'example.org', 1),
  ('both@example.org', 'both@example.org,john@example.org', 'example.org', 1),
  ('gone@example.org', 'john@example.org', 'example.org', 0),
  ('info@backup.example', 'john@example.org', 'backup.example', 1),
  ('info@example.com', 'jane@example.org', 'example.com', 1),
  ('josé@example.org', 'john@example.org', 'example.org', 1),
  ('list@example.org', 'john@example.org, six@example.org
bcrypt@example.org,	crypt@example.org', 'example.org', 1),
  ('Mixed@Example.org', 'John@example.org', 'example.org', 1),
  ('relay@example.org', 'relay@example.org', 'example.org', 1),
  ('sales@example.org', 'john@example.org,jane@example.org', 'example.org', 1),
  ('void@example.org', '', 'example.org', 1);
INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES
  ('alias.example', 'example.org', 1),
  ('ghost.example', 'example.org', 1),
  ('lame.example', 'old.example', 1),
  ('quiet.example', 'example.org', 0),
  ('self.example', 'self.example', 1);
INSERT INTO admin (username, password) VALUES ('admin@example.org', '{PLAIN}summersun');
INSERT INTO domain_admins (username, domain) VALUES ('admin@example.org', 'ALL');
INSERT INTO vacation (email, subject, body, cache, domain) VALUES ('vac@example.org', 'Away', 'Away', '', 'example.org'), ('away@example.org', 'Away', 'Away', '', 'example.org');
INSERT INTO fetchmail (mailbox, src_server, src_user, src_password, src_folder, mda) VALUES ('john@example.org', 'mail.example.net', 'john', 'c2VjcmV0', '', '');
INSERT INTO config (name, value) VALUES ('version', '1847');
-- One of everything that stays behind.
UPDATE domain SET password_expiry = 365 WHERE domain = 'example.org';
UPDATE mailbox SET phone = '0123', email_other = 'jane@example.com', token = 'x', password_expiry = '2030-01-01' WHERE username = 'jane@example.org';
INSERT INTO vacation_notification (on_vacation, notified) VALUES ('vac@example.org', 'someone@elsewhere.example');
INSERT INTO quota (username, path, current) VALUES ('john@example.org', 'quota/storage', 1);
INSERT INTO quota2 (username, bytes, messages) VALUES ('john@example.org', 1, 1);
INSERT INTO log (username, domain, action, data) VALUES ('admin@example.org', 'example.org', 'create_mailbox', 'john@example.org');
