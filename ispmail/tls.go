package ispmail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/go-sql-driver/mysql"
)

// tlsCA is the parameter of a DSN that names a file of certificates. The driver does not know it: it would need a name
// under which a program registers them.
const tlsCA = "tls-ca"

// socketsWithoutTLS takes verified TLS off the sockets among servers on TCP: a socket has no name that a certificate could hold.
func socketsWithoutTLS(all []*mysql.Config) {
	if !slices.ContainsFunc(all, func(c *mysql.Config) bool { return c.Net == "tcp" }) {
		return
	}
	for _, c := range all {
		if c.Net != "unix" {
			continue
		}
		delete(c.Params, tlsCA)
		if c.TLSConfig == "true" {
			c.TLS, c.TLSConfig = nil, ""
		}
	}
}

// trustAuthority makes a connection verify the certificate of the server by the authorities in a file, if the DSN names one.
func trustAuthority(c *mysql.Config) error {
	if c.Net == "unix" && c.TLSConfig == "true" {
		return errors.New("ispmail: tls in the DSN is for TCP: a socket needs no TLS")
	}
	file, ok := c.Params[tlsCA]
	if !ok {
		return nil
	}
	delete(c.Params, tlsCA)
	if c.TLSConfig != "" && c.TLSConfig != "true" {
		return errors.New("ispmail: tls-ca in the DSN means that the certificate is verified: leave tls out, or make it tls=true")
	}
	if c.Net != "tcp" {
		return errors.New("ispmail: tls-ca in the DSN is for TCP: a socket needs no TLS")
	}
	certificates, err := os.ReadFile(file) //nolint:gosec // the file of the user's choice
	if err != nil {
		return fmt.Errorf("ispmail: tls-ca in the DSN: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(certificates) {
		return fmt.Errorf("ispmail: tls-ca in the DSN: %s holds no certificate in PEM", file)
	}
	c.TLS = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12} // the driver adds the name of the host
	return nil
}
