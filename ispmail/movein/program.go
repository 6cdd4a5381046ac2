package movein

// A program describes the database of PostfixAdmin or ViMbAdmin. Tables have their default names, and columns are in lower
// case.
type program struct {
	name          string
	releases      string
	needed        map[string][]string // the columns that are read, by table; the first one is the key
	foreignColumn string              // a column of mailbox that only otherProgram has
	otherProgram  string
	pseudoDomain  string // a row of domain that is no domain, "" for none
	checks        []check
	settings      []setting
	derived       map[string][]string // columns whose loss needs no note, by table
	otherTables   []otherTable
}

// A check is a column that has one of a few usual values in most rows. A row with another value gets a note.
type check struct {
	table, column string
	usual         []string
	code          Code
	leave         bool   // such a row is left behind
	message       string // "VALUE" stands for the value
}

// A setting is a column that a server of the guide has no place for.
type setting struct {
	table, column string
	holds         condition
	what          string
}

// A condition is an SQL expression that is true if a column, %s, holds something.
type condition string

const (
	text   condition = "%s <> ''"
	number condition = "%s <> 0"
	date   condition = "%s > '2000-01-02 00:00:00'" // for no date, PostfixAdmin stores 2000-01-01
)

// An otherTable is a table that a server of the guide has no place for.
type otherTable struct{ table, what string }

var postfixAdmin = program{
	name:     "PostfixAdmin",
	releases: "3.3 and 4.0",
	needed: map[string][]string{
		"domain":       {"domain", "active", "backupmx"},
		"mailbox":      {"username", "password", "quota", "active", "domain"},
		"alias":        {"address", "goto", "active", "domain"},
		"alias_domain": {"alias_domain", "target_domain", "active"},
	},
	foreignColumn: "domain_id",
	otherProgram:  "ViMbAdmin",
	pseudoDomain:  "ALL",
	checks: []check{
		transport,
		{"mailbox", "smtp_active", []string{"", "1", "t", "true"}, CodeRestriction, false, "the user was not to send mail, which every user may do here"},
	},
	settings: []setting{
		{"domain", "description", text, "a description"},
		{"domain", "aliases", number, "a number of aliases"},
		{"domain", "mailboxes", number, "a number of mailboxes"},
		{"domain", "maxquota", number, "a highest quota of its mailboxes, in MB"},
		{"domain", "quota", number, "a quota of the whole domain, in MB"},
		{"domain", "password_expiry", number, "a number of days after which passwords expire"},
		{"mailbox", "name", text, "a name"},
		{"mailbox", "maildir", text, "a path of the mail (that of the guide is /var/vmail/DOMAIN/USER)"},
		{"mailbox", "phone", text, "a telephone number"},
		{"mailbox", "email_other", text, "another address for lost passwords"},
		{"mailbox", "token", text, "a token for a lost password"},
		{"mailbox", "password_expiry", date, "a day on which the password expires"},
		{"mailbox", "totp_secret", text, "a second factor"},
	},
	derived: map[string][]string{
		"domain":       {"created", "modified"},
		"mailbox":      {"local_part", "created", "modified", "token_validity"},
		"alias":        {"created", "modified"},
		"alias_domain": {"created", "modified"},
	},
	otherTables: []otherTable{
		{"admin", "administrators"},
		{"domain_admins", "rights of administrators"},
		{"fetchmail", "mailboxes elsewhere that fetchmail empties"},
		{"vacation", "texts of the autoresponder"},
		{"vacation_notification", "answers of the autoresponder"},
		{"quota", "sizes of mailboxes (Dovecot counts by itself)"},
		{"quota2", "sizes of mailboxes (Dovecot counts by itself)"},
		{"dkim", "DKIM keys (the guide has them in files of Rspamd)"},
		{"dkim_signing", "senders whose mail is signed"},
		{"mailbox_app_password", "passwords of apps (which cannot log in any more)"},
		{"totp_exception_address", "addresses that need no second factor"},
		{"log", "lines of the log"},
		{"config", "settings of the program itself"},
	},
}

var viMbAdmin = program{
	name:     "ViMbAdmin",
	releases: "3.4",
	needed: map[string][]string{
		"domain":  {"domain", "active", "backupmx"},
		"mailbox": {"username", "password", "quota", "active", "domain_id"},
		"alias":   {"address", "goto", "active", "domain_id"},
	},
	foreignColumn: "domain",
	otherProgram:  "PostfixAdmin",
	checks: []check{
		transport,
		{"mailbox", "delete_pending", []string{"", "0", "f", "false"}, CodeDeleted, true, "the mailbox waits for being deleted"},
		{"mailbox", "access_restriction", []string{"", "ALL"}, CodeRestriction, false, "the user was to log in by VALUE only; here are no such limits"},
	},
	settings: []setting{
		{"domain", "description", text, "a description"},
		{"domain", "max_aliases", number, "a highest number of aliases"},
		{"domain", "max_mailboxes", number, "a highest number of mailboxes"},
		{"domain", "max_quota", number, "a highest quota of its mailboxes"},
		{"domain", "quota", number, "a quota that new mailboxes get"},
		{"domain", "homedir", text, "a home directory"},
		{"domain", "maildir", text, "a path of the mail"},
		{"domain", "uid", number, "an account of the system that owns the mail"},
		{"domain", "gid", number, "a group of the system that owns the mail"},
		{"mailbox", "name", text, "a name"},
		{"mailbox", "alt_email", text, "another address"},
		{"mailbox", "homedir", text, "a home directory"},
		{"mailbox", "maildir", text, "a path of the mail (that of the guide is /var/vmail/DOMAIN/USER)"},
		{"mailbox", "uid", number, "an account of the system that owns the mail (the guide has vmail)"},
		{"mailbox", "gid", number, "a group of the system that owns the mail (the guide has vmail)"},
	},
	derived: map[string][]string{
		"domain":  {"id", "alias_count", "mailbox_count", "created", "modified"},
		"mailbox": {"id", "local_part", "homedir_size", "maildir_size", "size_at", "created", "modified"},
		"alias":   {"id", "created", "modified"},
	},
	otherTables: []otherTable{
		{"admin", "administrators"},
		{"domain_admins", "rights of administrators"},
		{"admin_pref", "settings of administrators"},
		{"domain_pref", "settings of domains"},
		{"mailbox_pref", "settings of mailboxes"},
		{"alias_pref", "settings of aliases"},
		{"directory_entry", "entries of an address book"},
		{"archive", "archived mailboxes"},
		{"log", "lines of the log"},
		{"remember_me", "logins to the program itself"},
		{"dbversion", "settings of the program itself"},
	},
}

// transport is a check of both programs.
var transport = check{
	"domain", "transport",
	[]string{"", "virtual"},
	CodeTransport, false,
	"the transport of its mail was VALUE; here its mail goes to the mailboxes like that of all domains",
}

// known returns the columns that a table has in the releases that this package knows.
func (p *program) known(table string) map[string]bool {
	known := map[string]bool{}
	for _, columns := range [][]string{p.needed[table], p.derived[table]} {
		for _, column := range columns {
			known[column] = true
		}
	}
	for _, c := range p.checksOf(table) {
		known[c.column] = true
	}
	for _, s := range p.settings {
		if s.table == table {
			known[s.column] = true
		}
	}
	return known
}

// checksOf returns the checks of a table.
func (p *program) checksOf(table string) (checks []check) {
	for _, c := range p.checks {
		if c.table == table {
			checks = append(checks, c)
		}
	}
	return checks
}
