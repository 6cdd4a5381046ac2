package command

import (
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A DSN is the [Source] of the data source name of a database. Make one with [DSNFlags].
type DSN struct{ *Source }

// DSNFlags adds the flags of a DSN to others, and gives them variables in the environment.
func DSNFlags(prefix, name string, flags *pflag.FlagSet) *DSN {
	return &DSN{SourceFlags(prefix, name, "`FILE` whose first line is the DSN of the database: "+
		"user:password@tcp(127.0.0.1:3306)/mailserver, user:password@unix(/run/mysqld/mysqld.sock)/mailserver or sqlite:/path/file.db; "+
		"tcp(n1:3306),tcp(n2:3306) are nodes of a cluster, to be tried in this order; "+
		"over TCP, ?tls=true at its end encrypts the connection, and ?tls-ca=/path/ca.pem if an authority of your own signed the certificate of the server",
		"the `DSN` itself", flags)}
}

// authorityFile matches the parameter of ispmail.Open that names a file.
var authorityFile = regexp.MustCompile(`[?&]tls-ca=[^&]*`)

// Read returns the data source name, "" if there is none. An argument goes before the environment. No error holds any of it.
func (d *DSN) Read() (string, error) {
	value, err := d.Source.Read()
	if err != nil || value == "" {
		return "", err
	}
	if path, ok := strings.CutPrefix(value, "sqlite:"); ok && path != "" {
		return value, nil
	}
	// In a DSN, the last slash comes before the name of the database.
	value = authorityFile.ReplaceAllStringFunc(value, func(parameter string) string { return strings.ReplaceAll(parameter, "/", "%2F") })
	servers, err := ispmail.ParseDSN(value)
	switch {
	case errors.Is(err, ispmail.ErrDSN):
		return "", errors.New("the DSN is not of the form user:password@tcp(host:port)/database, user:password@unix(/path)/database or sqlite:/path")
	case err != nil:
		return "", errors.New(strings.TrimPrefix(err.Error(), "ispmail: "))
	case servers[0].Passwd != "":
		if err := d.Exposed(); err != nil {
			return "", err
		}
	}
	return value, nil
}
