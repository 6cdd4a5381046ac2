package check

// A Code names a kind of [Finding]. Codes do not change between releases.
type Code string

// Codes of virtual_users.password.
const (
	// CodeExampleAccount says that everybody knows the password. Either the guide's example account, john@example.org with
	// the password "summersun", is in use, or another account has a hash that the guide prints.
	CodeExampleAccount Code = "example-account"
	// CodeWeakScheme says that the password can be guessed quickly from the hash, see [hash.Info]. Clear text is
	// [CodeRecoverablePassword] instead.
	CodeWeakScheme Code = "weak-scheme"
	// CodeRefusedByDovecot24 says that Dovecot 2.4, which Debian 13 has, refuses the login with its default settings.
	CodeRefusedByDovecot24 Code = "refused-by-dovecot-2.4"
	// CodeUnprefixedPassword says that the value has no {SCHEME}. Dovecot 2.4.0 to 2.4.2 takes such a value for clear text:
	// whoever reads the hash can log in with it.
	CodeUnprefixedPassword Code = "unprefixed-password" //nolint:gosec // a name, as the ones below
	// CodeEmptyPassword says that the value is empty, or an empty clear text. Dovecot lets everybody in with an empty clear
	// text, and Dovecot 2.4.0 to 2.4.2 with an empty value too.
	CodeEmptyPassword Code = "empty-password"
	// CodeMalformedPassword says that no password can match: the value does not have the form of its scheme, or package hash
	// does not support the scheme, such as gost-yescrypt and Sun MD5 in {CRYPT}. An account that is locked by "!" or "*"
	// after the prefix is not reported.
	CodeMalformedPassword Code = "malformed-password" //nolint:gosec // see above
	// CodeTooCostlyPassword says that verifying the value takes more work than the [hash.Config] of the Store allows.
	CodeTooCostlyPassword Code = "too-costly-password"
	// CodeTruncatedPassword says that the end of the value is missing. MariaDB without a strict sql_mode cuts a value to the
	// width of its column.
	CodeTruncatedPassword Code = "truncated-password" //nolint:gosec // see above
	// CodeRecoverablePassword says that the value holds the clear text.
	CodeRecoverablePassword Code = "recoverable-password"
)

// Codes of the other columns.
const (
	// CodeUserInWrongDomain says that domain_id of a user is not the id of the domain in the address.
	CodeUserInWrongDomain Code = "user-in-wrong-domain"
	// CodeAliasInWrongDomain says that domain_id of an alias is not the id of the domain in the source.
	CodeAliasInWrongDomain Code = "alias-in-wrong-domain"
	// CodeDuplicateDomain says that an earlier row holds the same domain, perhaps in another spelling.
	CodeDuplicateDomain Code = "duplicate-domain"
	// CodeDuplicateAlias says that the same source leads to the same destination twice, in two rows or in one.
	CodeDuplicateAlias Code = "duplicate-alias"
	// CodeSameCanonicalAddress says that an earlier user has the same canonical address, see [ispmail.Canonical]. Every
	// method refuses both users with [ispmail.ErrAmbiguous].
	CodeSameCanonicalAddress Code = "same-canonical-address"
	// CodeInvalidAddress says that the name of a domain, the address of a user, or the source of an alias is invalid, see
	// [ispmail.Canonical], or a destination, see [ispmail.Store.CreateAlias]. A user "@domain" is [CodeWholeDomainUser] if
	// the server has the domain.
	CodeInvalidAddress Code = "invalid-address"
	// CodeWildcardAddress says that the address of a user, or the source or a destination of an alias is *@example.org or the like.
	// To Postfix it is one address of that name. A catch-all has the source @example.org.
	CodeWildcardAddress Code = "wildcard-address"
	// CodeWholeDomainUser says that a user is "@domain". To Postfix, with the maps of the guide, every address of the domain
	// then has a mailbox: it answers RCPT with 250, Dovecot refuses the mail, and it goes back to its sender, who may be
	// forged. See [ispmail.FoundBounce].
	CodeWholeDomainUser Code = "whole-domain-user"
	// CodeUnusableLogins sums up how many users cannot log in, or cannot change the password by package ispmail, by reason.
	// It is about the whole table. The rows have findings of their own, except for accounts that are locked. Rows that are
	// switched off do not count, see [ispmail.Config.State].
	CodeUnusableLogins Code = "unusable-logins"
	// CodeCapitals says that the name of a domain, the address of a user or the source of an alias has capitals in a column
	// that compares case. Postfix and Dovecot ask for small letters and do not find the row.
	CodeCapitals Code = "capitals"
	// CodeDanglingAlias says that a destination is in a domain of this server, but no user, alias or catch-all takes its
	// mail. Whoever takes mail for john@example.org takes it for john+list@example.org too.
	CodeDanglingAlias Code = "dangling-alias"
	// CodeAliasLoop says that an alias leads back to itself, directly or through other aliases, catch-alls and "@domain"
	// destinations. An alias from the address of a mailbox to itself is no loop. Loops that share an address are one finding,
	// at one of their rows.
	CodeAliasLoop Code = "alias-loop"
	// CodeExternalDestination says that an alias sends mail to another server, or to an account of the operating system.
	CodeExternalDestination Code = "external-destination"
	// CodeShadowedAlias says that mail never reaches a mailbox or a destination, with the maps of the guide.
	//
	// It is about a user if the address has aliases, and none of them leads to the address itself: the aliases take all mail.
	// It is about an alias to "@domain" if the source has other destinations too: Postfix follows "@domain" only as the first
	// destination (https://www.postfix.org/virtual.5.html).
	CodeShadowedAlias Code = "shadowed-alias"
	// CodeCatchAllWithoutEmail2Email says that a domain has both a catch-all and mailboxes. The mailboxes get their mail only
	// if virtual_alias_maps of Postfix contains the guide's email2email. The database does not show whether it does.
	CodeCatchAllWithoutEmail2Email Code = "catch-all-without-email2email"
	// CodeQuotaOverflow says that a quota is negative, or the highest number that its column holds. MariaDB without a strict
	// sql_mode stores the highest number in place of a higher one.
	CodeQuotaOverflow Code = "quota-overflow"
)

// Codes of tables. An account that may not see the keys of a table gets no findings about them.
const (
	// CodeNarrowPasswordColumn says that virtual_users.password is too narrow for some schemes of package hash. MariaDB only.
	CodeNarrowPasswordColumn Code = "narrow-password-column"
	// CodeMissingForeignKey says that domain_id has no foreign key to virtual_domains. Users and aliases stay when another
	// program deletes their domain.
	CodeMissingForeignKey Code = "missing-foreign-key"
	// CodeMissingIndex says that no index begins with a column by which Postfix or Dovecot looks rows up. No release of the
	// guide has one on virtual_aliases.source, and only the one for Debian 13 has one on virtual_domains.name.
	CodeMissingIndex Code = "missing-index"
	// CodeNonTransactionalTable says that the storage engine has no transactions: a change that fails half-way is not rolled
	// back. The methods of [ispmail.Store] change nothing in such a table except the password of a user. MariaDB only.
	CodeNonTransactionalTable Code = "non-transactional-table"
	// CodeUnnamedStateColumn says that a column of another program seems, by its name, to switch rows off, and that
	// [ispmail.Config] State does not name it: who is switched off for Dovecot may change the password here.
	CodeUnnamedStateColumn Code = "unnamed-state-column"
)

// Severity says how much a [Finding] matters.
type Severity string

// Values of Severity.
const (
	// SeverityError says that mail or a login does not work, or that strangers can log in.
	SeverityError Severity = "error"
	// SeverityWarning says that everything works, but not as well or as safely as it should.
	SeverityWarning Severity = "warning"
	// SeverityInformation says that nothing in the database is wrong, but that somebody should know.
	SeverityInformation Severity = "information"
)

// Severity returns the severity of the findings with this code.
func (c Code) Severity() Severity {
	switch c {
	case CodeExternalDestination, CodeCatchAllWithoutEmail2Email, CodeUnusableLogins:
		return SeverityInformation
	case CodeWeakScheme, CodeRecoverablePassword, CodeAliasInWrongDomain, CodeUserInWrongDomain, CodeDuplicateAlias, CodeShadowedAlias,
		CodeNarrowPasswordColumn, CodeMissingForeignKey, CodeMissingIndex, CodeNonTransactionalTable, CodeQuotaOverflow, CodeUnnamedStateColumn:
		return SeverityWarning
	default:
		return SeverityError
	}
}
