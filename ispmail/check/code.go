package check

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
