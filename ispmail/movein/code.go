package movein

// A Code names a kind of [Note]. Codes do not change between releases.
type Code string

// Codes of rows that stay behind.
const (
	// CodeInactive says that the row is not active.
	CodeInactive Code = "inactive"
	// CodeDeleted says that the mailbox is about to be deleted.
	CodeDeleted Code = "deleted"
	// CodeBackupMX says that the server is a backup MX for the domain: it has no mailboxes of it.
	CodeBackupMX Code = "backup-mx"
	// CodePseudoDomain says that the row is no domain: PostfixAdmin's "ALL" stands for all domains.
	CodePseudoDomain Code = "pseudo-domain"
	// CodeNoDomain says that the domain of the address is left behind, or is not in the database.
	CodeNoDomain Code = "no-domain"
	// CodeNotUTF8 says that an address or a password holds bytes that are not UTF-8.
	CodeNotUTF8 Code = "not-utf-8"
	// CodeEmptyPassword says that the mailbox has no password.
	CodeEmptyPassword Code = "empty-password"
	// CodeUnknownPassword says that the stored password has no {SCHEME}, and does not have the form of [Config.Scheme].
	CodeUnknownPassword Code = "unknown-password"
	// CodeSaltedPassword says that the password is a digest with a salt from the configuration of ViMbAdmin. Dovecot has no
	// scheme for it.
	CodeSaltedPassword Code = "salted-password"
	// CodeImplied says that the alias is not needed: it leads only from a mailbox to itself, or says what its alias domain says.
	CodeImplied Code = "implied"
	// CodeNoMailbox says that the alias leads only to itself, and no such mailbox comes over.
	CodeNoMailbox Code = "no-mailbox"
	// CodeNoDestination says that the alias has no destination, or only the autoresponder, or that an alias domain is its own
	// target.
	CodeNoDestination Code = "no-destination"
	// CodeAliasDomain says that the alias is a catch-all of an alias domain. Here, the alias domain takes its place.
	CodeAliasDomain Code = "alias-domain"
	// CodeNoPlace says that a server of the guide has no place for the rows of the table.
	CodeNoPlace Code = "no-place"
)

// Codes of rows that come over, but with a change.
const (
	// CodeQuota says that the quota was not a number of bytes. The mailbox has no limit here.
	CodeQuota Code = "quota"
	// CodeTransport says that the transport of the domain was not "virtual". Its mail goes to mailboxes here.
	CodeTransport Code = "transport"
	// CodeRestriction says that the user was not allowed something that every user may do here.
	CodeRestriction Code = "restriction"
	// CodeVacation says that aliases led to the autoresponder. That destination is left behind.
	CodeVacation Code = "vacation"
	// CodeOwnCopy says that an alias led to itself and to others, and no such mailbox comes over. Only the others come over.
	CodeOwnCopy Code = "own-copy"
	// CodeAcceptsAll says that mail for unknown users of an alias domain, which was refused, is now accepted and bounces.
	CodeAcceptsAll Code = "accepts-all"
	// CodeColumn says that a server of the guide has no place for what a column holds.
	CodeColumn Code = "column"
	// CodeUnknownColumn says that a table has a column that PostfixAdmin 3.3 and 4.0, or ViMbAdmin 3.4, do not have.
	CodeUnknownColumn Code = "unknown-column"
)
