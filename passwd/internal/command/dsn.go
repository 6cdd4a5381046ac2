package command

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/pflag"
)

// A DSN is a pair of flags that name a database: --NAME is its data source name, --NAME-file a file that holds it. Make
// them with [DSNFlags].
type DSN struct {
	value, file         string
	valueFlag, fileFlag *pflag.Flag
}

// DSNFlags adds the two flags to others, and gives them variables in the environment.
func DSNFlags(prefix, name string, flags *pflag.FlagSet) *DSN {
	d, pair := &DSN{}, pflag.NewFlagSet(name, pflag.ContinueOnError)
	pair.SortFlags = false
	pair.StringVar(&d.file, name+"-file", "", "`FILE` whose first line is the DSN of the database: "+
		"user:password@tcp(127.0.0.1:3306)/mailserver, user:password@unix(/run/mysqld/mysqld.sock)/mailserver or sqlite:/path/file.db; "+
		"over TCP, ?tls=true at its end encrypts the connection, and ?tls-ca=/path/ca.pem if an authority of your own signed the certificate of the server")
	pair.StringVar(&d.value, name, "", "the `DSN` itself; as an argument it must not hold a password, because everybody on the machine can read arguments")
	Environment(prefix, pair)
	d.fileFlag, d.valueFlag = pair.Lookup(name+"-file"), pair.Lookup(name)
	flags.AddFlagSet(pair)
	return d
}

// File returns the file that names the database, "" if there is none.
func (d *DSN) File() string {
	if d.valueFlag.Changed {
		return ""
	}
	return d.file
}

// authorityFile matches the parameter of ispmail.Open that names a file.
var authorityFile = regexp.MustCompile(`[?&]tls-ca=[^&]*`)

// Read returns the data source name, "" if there is none. An argument goes before the environment. No error holds any of it.
func (d *DSN) Read() (string, error) {
	value, file := d.value, d.file
	if argument := d.valueFlag.Changed || d.fileFlag.Changed; argument {
		if !d.valueFlag.Changed {
			value = ""
		}
		if !d.fileFlag.Changed {
			file = ""
		}
	}
	switch {
	case value == "" && file == "":
		return "", nil
	case value != "" && file != "":
		return "", fmt.Errorf("--%s and --%s exclude each other", d.valueFlag.Name, d.fileFlag.Name)
	case file != "":
		content, err := os.ReadFile(file) //nolint:gosec // the file of the user's choice
		if err != nil {
			return "", fmt.Errorf("--%s: %w", d.fileFlag.Name, err)
		}
		line, _, _ := strings.Cut(string(content), "\n")
		if value = strings.TrimSpace(line); value == "" {
			return "", fmt.Errorf("--%s: the first line of %s is empty", d.fileFlag.Name, file)
		}
	}
	if path, ok := strings.CutPrefix(value, "sqlite:"); ok && path != "" {
		return value, nil
	}
	// In a DSN, the last slash comes before the name of the database.
	value = authorityFile.ReplaceAllStringFunc(value, func(parameter string) string { return strings.ReplaceAll(parameter, "/", "%2F") })
	config, err := mysql.ParseDSN(value)
	switch {
	case err != nil || config.DBName == "":
		return "", errors.New("the DSN is not of the form user:password@tcp(host:port)/database, user:password@unix(/path)/database or sqlite:/path")
	case config.Passwd != "" && d.valueFlag.Changed:
		return "", fmt.Errorf("--%s must not hold a password, everybody on the machine can read it: use --%s or %s",
			d.valueFlag.Name, d.fileFlag.Name, variableOf(d.valueFlag))
	}
	return value, nil
}
