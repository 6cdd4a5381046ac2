-- The hashes are what defaults.mailbox.password_scheme "dovecot:BLF-CRYPT" and "crypt:blowfish" store of "summersun".
SET sql_mode = '';
INSERT INTO domain (id, domain, description, max_quota, quota, transport, backupmx, active) VALUES
  (1, 'example.org', 'Our domain', 0, 0, 'virtual', 0, 1),
  (2, 'example.com', NULL, 0, 0, 'virtual', 0, 1),
  (3, 'backup.example', NULL, 0, 0, 'virtual', 1, 1),
  (4, 'old.example', NULL, 0, 0, 'virtual', 0, 0),
  (5, 'map.example', NULL, 0, 0, 'lmtp:unix:private/lmtp', 0, 1);
INSERT INTO mailbox (id, username, password, name, quota, local_part, active, access_restriction, maildir, uid, gid, delete_pending, Domain_id) VALUES
  (1, 'john@example.org', '$2y$05$6EpDrQ3mxnvzmftTn3cla.PEqzH0xFAC/R5sVseHN8jxxPgt22wQK', 'John', 1048576, 'john', 1, 'ALL', 'maildir:/srv/vmail/example.org/john/mail', 2000, 2000, 0, 1),
  (2, 'jane@example.org', '$2a$12$abcdefghijklmnopqrstuunC.z8ypx.2PaovnkpfBPaeiKbbFY.IK', NULL, 0, 'jane', 1, 'ALL', NULL, NULL, NULL, NULL, 1),
  (3, 'imap@example.org', '{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd', NULL, 0, 'imap', 1, 'IMAP', NULL, NULL, NULL, 0, 1),
  (4, 'off@example.org', '$2y$05$6EpDrQ3mxnvzmftTn3cla.PEqzH0xFAC/R5sVseHN8jxxPgt22wQK', NULL, 0, 'off', 0, 'ALL', NULL, NULL, NULL, 0, 1),
  (5, 'pending@example.org', '$2y$05$6EpDrQ3mxnvzmftTn3cla.PEqzH0xFAC/R5sVseHN8jxxPgt22wQK', NULL, 0, 'pending', 1, 'ALL', NULL, NULL, NULL, 1, 1),
  (6, 'hex@example.org', '14cbfb845af1f030e372b1cb9275e6dd', NULL, 0, 'hex', 1, 'ALL', NULL, NULL, NULL, 0, 1),
  (7, 'x@old.example', '$2y$05$6EpDrQ3mxnvzmftTn3cla.PEqzH0xFAC/R5sVseHN8jxxPgt22wQK', NULL, 0, 'x', 1, 'ALL', NULL, NULL, NULL, 0, 4),
  (8, 'lost@gone.example', '$2y$05$6EpDrQ3mxnvzmftTn3cla.PEqzH0xFAC/R5sVseHN8jxxPgt22wQK', NULL, 0, 'lost', 1, 'ALL', NULL, NULL, NULL, 0, NULL);
INSERT INTO alias (address, goto, active, Domain_id) VALUES
  ('john@example.org', 'john@example.org', 1, 1),
  ('jane@example.org', 'jane@example.org,someone@elsewhere.example', 1, 1),
  ('imap@example.org', 'imap@example.org', 1, 1),
  ('off@example.org', 'off@example.org', 1, 1),
  ('pending@example.org', 'pending@example.org', 1, 1),
  ('hex@example.org', 'hex@example.org', 1, 1),
  ('x@old.example', 'x@old.example', 1, 4),
  ('sales@example.org', 'john@example.org,jane@example.org', 1, 1),
  ('gone@example.org', 'john@example.org', 0, 1),
  ('@example.com', 'john@example.org', 1, 2),
  ('info@example.com', 'jane@example.org', 1, 2),
  ('@map.example', '@example.org', 1, 5),
  ('info@backup.example', 'john@example.org', 1, 3),
  ('nowhere@gone.example', 'john@example.org', 1, NULL);
INSERT INTO mailbox_pref (attribute, value, Mailbox_id) VALUES ('theme', 'dark', 1);
INSERT INTO directory_entry (mailbox_id, displayName) VALUES (1, 'John');
INSERT INTO dbversion (version, name) VALUES (1, 'Venus');
-- One of everything that stays behind.
UPDATE domain SET max_aliases = 10, max_mailboxes = 10, max_quota = 1048576, quota = 1048576, homedir = '/srv/vmail', maildir = '/srv/vmail', uid = 2000, gid = 2000 WHERE id = 1;
UPDATE mailbox SET alt_email = 'jane@example.com', homedir = '/srv/vmail', homedir_size = 1, maildir_size = 1 WHERE id = 2;
INSERT INTO admin (id, username, password) VALUES (1, 'admin@example.org', '{PLAIN}summersun');
INSERT INTO admin_pref (attribute, value, Admin_id) VALUES ('theme', 'dark', 1);
INSERT INTO domain_admins (Admin_id, Domain_id) VALUES (1, 1);
INSERT INTO domain_pref (attribute, value, Domain_id) VALUES ('theme', 'dark', 1);
INSERT INTO alias_pref (attribute, value, Alias_id) VALUES ('theme', 'dark', 1);
INSERT INTO archive (username, status, data) VALUES ('old@example.org', 'ARCHIVED', '');
INSERT INTO log (action, data) VALUES ('MAILBOX_ADD', 'john@example.org');
INSERT INTO remember_me (userhash, ckey, original_ip) VALUES ('x', 'x', '192.0.2.1');
