package ispmail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/go-sql-driver/mysql"
)

// tlsCA is the parameter of a DSN that names a file of certificates. The driver does not know it: it would need a name
// under which a program registers them.
const tlsCA = "tls-ca"

// secureSocket takes TLS off a connection by a socket, whose server has no name that a certificate could hold. Beside others,
// the DSN means those with it.
func secureSocket(c *mysql.Config, beside bool) error {
	_, hasAuthority := c.Params[tlsCA]
	if c.Net != "unix" || !hasAuthority && c.TLSConfig != "true" {
		return nil
	}
	if !beside {
		return errors.New("ispmail: tls and tls-ca in the DSN are for TCP: a socket needs no TLS")
	}
	delete(c.Params, tlsCA)
	c.TLS, c.TLSConfig = nil, ""
	return nil
}

// trustAuthority makes a connection verify the certificate of the server by the authorities in a file, if the DSN names one.
func trustAuthority(c *mysql.Config) error {
	file, ok := c.Params[tlsCA]
	if !ok {
		return nil
	}
	delete(c.Params, tlsCA)
	if c.TLSConfig != "" && c.TLSConfig != "true" {
		return errors.New("ispmail: tls-ca in the DSN means that the certificate is verified: leave tls out, or make it tls=true")
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
