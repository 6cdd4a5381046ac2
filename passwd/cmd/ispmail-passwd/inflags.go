package main

import (
	"errors"
	"strings"
)

// inFlags returns an error of passwd.New about a setting in the words of the command line.
func inFlags(err error) error {
	return errors.New(strings.NewReplacer(
		"MinLength ", "--min-length: ",
		"MaxConcurrent ", "--max-concurrent: ",
		"Floor ", "--floor: ",
		"WebmailURL ", "--webmail-url ",
		"HelpURL ", "--help-url ",
		"ImprintURL ", "--imprint-url ",
		"PrivacyURL ", "--privacy-url ",
		"Help ", "--help-text ",
		"Logo ", "--logo ",
		"Accent ", "--accent: ",
		"two of the Fields have", "--field-user, --field-current and --field-new: two of them have",
		"one of the Secrets", "one of the secrets of --secret-file or ISPMAIL_PASSWD_SECRET",
	).Replace(err.Error()))
}
