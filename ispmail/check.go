package ispmail

import (
	"context"
	"fmt"
	"iter"
)

// A Finding is what Check found wrong, or worth knowing, in one row or one table.
type Finding struct {
	Code Code `json:"code"`
	// Table is virtual_domains, virtual_users or virtual_aliases.
	Table string `json:"table"`
	// ID is that of the row, 0 if the finding is about the table as a whole.
	ID int64 `json:"id,omitempty"`
	// Message is one sentence in English that says what is wrong and what to do. It may change between releases, and it
	// never holds a password or a hash.
	Message string `json:"message"`
}

// A Code names a kind of Finding. It is stable: a program can rely on it.
type Code string

// Codes of virtual_users.password.
const (
	// CodeExampleAccount: the account of the guide, john@example.org with the password "summersun", is live, or another
	// account has a hash that is printed in the guide. Everybody knows the password.
	CodeExampleAccount Code = "example-account"
	// CodeWeakScheme: the hash is guessed quickly when the database leaks, see hash.Info. Clear text is
	// CodeRecoverablePassword instead.
	CodeWeakScheme Code = "weak-scheme"
	// CodeRefusedByDovecot24: the user cannot log in to a Dovecot 2.4 with default settings, as Debian 13 has it.
	CodeRefusedByDovecot24 Code = "refused-by-dovecot-2.4"
	// CodeUnprefixedPassword: there is no {SCHEME}. To Dovecot 2.4.0 to 2.4.2 the stored value is the password: whoever
	// reads a hash can log in with it.
	CodeUnprefixedPassword Code = "unprefixed-password" //nolint:gosec // a name, as the ones below
	// CodeEmptyPassword: nothing is stored, or clear text of no length. Some releases of Dovecot let everybody in.
	CodeEmptyPassword Code = "empty-password"
	// CodeMalformedPassword: the value is not what its scheme prescribes, so that no password matches, or package hash
	// does not know the scheme (among the methods of {CRYPT}, gost-yescrypt and sunmd5). Accounts
	// that are locked by "!" or "*" after the prefix are not reported.
	CodeMalformedPassword Code = "malformed-password" //nolint:gosec // see above
	// CodeTooCostlyPassword: to verify the value takes more work than the hash.Config of the Store allows.
	CodeTooCostlyPassword Code = "too-costly-password"
	// CodeTruncatedPassword: the end of the value is missing, as if a server that is not strict had cut it to the width
	// of the column.
	CodeTruncatedPassword Code = "truncated-password" //nolint:gosec // see above
	// CodeRecoverablePassword: the clear text is there to read.
	CodeRecoverablePassword Code = "recoverable-password"
)

// Codes of the other columns.
const (
	// CodeUserInWrongDomain: domain_id is not that of the domain in the address, or of no domain at all.
	CodeUserInWrongDomain Code = "user-in-wrong-domain"
	// CodeAliasInWrongDomain is the same for the source of an alias.
	CodeAliasInWrongDomain Code = "alias-in-wrong-domain"
	// CodeDuplicateDomain: an earlier row holds the same domain, perhaps in another spelling.
	CodeDuplicateDomain Code = "duplicate-domain"
	// CodeDuplicateAlias: an earlier row, or the same one, leads from the same source to the same destination.
	CodeDuplicateAlias Code = "duplicate-alias"
	// CodeSameCanonicalAddress: an earlier row of virtual_users has the same Canonical address. Every method refuses both.
	CodeSameCanonicalAddress Code = "same-canonical-address"
	// CodeInvalidAddress: the name of a domain, the address of a user, or the source or a destination of an alias is none,
	// see Canonical. Rows of other programs for "@domain" that are nobody's login are not reported.
	CodeInvalidAddress Code = "invalid-address"
	// CodeDanglingAlias: a destination is in a domain of this server, and neither a user nor an alias nor a catch-all is
	// there to take the mail. An address with an extension, "john+list@", is as good as the one without.
	CodeDanglingAlias Code = "dangling-alias"
	// CodeAliasLoop: the alias leads back to itself, directly where there is no such mailbox, or over other aliases,
	// catch-alls and "@domain" destinations. There is one finding for each loop or knot of loops, at one of its rows.
	CodeAliasLoop Code = "alias-loop"
	// CodeExternalDestination: mail leaves this server.
	CodeExternalDestination Code = "external-destination"
	// CodeShadowedAlias: there is something that no mail reaches with the maps of the guide (the aliases, then every
	// mailbox as an alias for itself). It is a mailbox whose address has aliases and none of them to itself, reported
	// for the user; or an alias to "@domain" beside other destinations, of which Postfix heeds the first
	// only (https://www.postfix.org/virtual.5.html).
	CodeShadowedAlias Code = "shadowed-alias"
	// CodeCatchAllWithoutEmail2Email: a domain has both a catch-all and mailboxes. The mailboxes get their mail only if
	// virtual_alias_maps of Postfix has the guide's email2email too, which the database does not tell.
	CodeCatchAllWithoutEmail2Email Code = "catch-all-without-email2email"
	// CodeQuotaOverflow: a quota is negative, or the highest number that the column holds, which is what a server that
	// is not strict makes of a higher one.
	CodeQuotaOverflow Code = "quota-overflow"
)

// Codes of tables. An account that may not see keys gets no findings about them.
const (
	// CodeNarrowPasswordColumn: virtual_users.password cannot hold every value that package hash makes. MariaDB only.
	CodeNarrowPasswordColumn Code = "narrow-password-column"
	// CodeMissingForeignKey: domain_id does not refer to virtual_domains, so that users and aliases can be left behind.
	CodeMissingForeignKey Code = "missing-foreign-key"
	// CodeMissingIndex: a column by which Postfix and Dovecot look up has no index. No release of the guide has one for
	// virtual_aliases.source, and only that for Debian 13 has one for virtual_domains.name.
	CodeMissingIndex Code = "missing-index"
	// CodeNonTransactionalTable: the storage engine has no transactions: a change that fails half-way stays. MariaDB only.
	CodeNonTransactionalTable Code = "non-transactional-table"
)

// Severity tells how much a Finding matters.
type Severity string

// Values of Severity.
const (
	// SeverityError: mail or a login does not work, or strangers can log in.
	SeverityError Severity = "error"
	// SeverityWarning: it works, but not as well or as safely as it should.
	SeverityWarning Severity = "warning"
	// SeverityInformation: nothing is wrong as far as the database tells.
	SeverityInformation Severity = "information"
)

// Severity returns that of all findings with this code.
func (c Code) Severity() Severity {
	switch c {
	case CodeExternalDestination, CodeCatchAllWithoutEmail2Email:
		return SeverityInformation
	case CodeWeakScheme, CodeRecoverablePassword, CodeAliasInWrongDomain, CodeUserInWrongDomain, CodeDuplicateAlias, CodeShadowedAlias,
		CodeNarrowPasswordColumn, CodeMissingForeignKey, CodeMissingIndex, CodeNonTransactionalTable, CodeQuotaOverflow:
		return SeverityWarning
	default:
		return SeverityError
	}
}

// Check looks through the three tables and reports what is wrong, about the tables first, then about domains, users and
// aliases by id, then the loops. It changes nothing: SELECT is the only right that it needs. An error of the database is
// the last thing that it yields, with the errors of Users.
//
// No password is guessed but the one of the guide's example, for the one account that has it. Rows that change
// while Check runs may be reported as they were or as they are, or as if they did not fit together; within RunInTx it
// sees one state of a MariaDB.
//
// It reads pages of 1000 rows, a few times over, and holds no connection while the caller looks at a finding. What it
// remembers of the rows are hashes: 8 bytes for each user, 16 for each alias, 40 more for an alias that leads to
// another one, some 300 for an alias on a loop and for a domain. For 100,000 users and 100,000 aliases the heap grows
// by less than 16 MB, however many findings there are.
func (s *Store) Check(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		c := &checker{s: s, yield: yield}
		for _, step := range []func(context.Context) error{c.schema, c.domains, c.index, c.users, c.aliases, c.loops} {
			err := step(ctx)
			if c.stopped {
				return
			}
			if err != nil {
				yield(Finding{}, err)
				return
			}
		}
	}
}

// A checker is one run of Check.
type checker struct {
	s       *Store
	yield   func(Finding, error) bool
	stopped bool // the caller wants no more
	graph   graph
}

// report yields a finding, unless the caller wants no more.
func (c *checker) report(code Code, table string, id int64, format string, args ...any) {
	if !c.stopped {
		c.stopped = !c.yield(Finding{Code: code, Table: table, ID: id, Message: fmt.Sprintf(format, args...)}, nil)
	}
}
