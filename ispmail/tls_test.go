package ispmail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// An authority signs certificates that only who has its file trusts.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &authority{certificate, key, file}
}

// server returns a certificate and its key in PEM for 127.0.0.1.
func (a *authority) server(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "database"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, private.Public(), a.key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// TestTLSAuthority has a server whose certificate an authority of its own has signed.
func TestTLSAuthority(t *testing.T) {
	t.Parallel()
	db, server := ownServer(t, "--innodb-flush-log-at-trx-commit=1") // it is killed below
	ca, other := newAuthority(t), newAuthority(t)                    // of which one signed the certificate
	ca.file, other.file = url.QueryEscape(ca.file), url.QueryEscape(other.file)
	certificate, key := ca.server(t)
	for path, content := range map[string][]byte{
		"/tmp/server.pem": certificate, "/tmp/server.key": key,
		"/etc/mysql/mariadb.conf.d/99-tls.cnf": []byte("[mariadbd]\nssl-cert = /tmp/server.pem\nssl-key = /tmp/server.key\n"),
	} {
		require.NoError(t, server.Write(t.Context(), path, content))
	}
	require.NoError(t, server.Signal(t.Context(), "KILL")) // it starts again, and reads them
	recovered(t, db)
	dsn := db.Account(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON * TO %s")
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)

	store := dbtest.Open(t, dsn+"?tls-ca="+ca.file, ispmail.Config{})
	require.NoError(t, errorOf(store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)))
	var name, cipher string
	require.NoError(t, store.DB().QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher))
	assert.NotEmpty(t, cipher, "the connection is encrypted")
	require.NoError(t, errorOf(dbtest.Open(t, dsn+"?tls=true&tls-ca="+ca.file, ispmail.Config{}).User(t.Context(), "john@example.org")))

	for name, test := range map[string]struct {
		dsn  string
		kind error
		want string
	}{
		"authorities of the system": {dsn + "?tls=true", ispmail.ErrUnavailable, "one of an authority of your own needs ?tls-ca=/path/ca.pem in the DSN"},
		"another authority":         {dsn + "?tls-ca=" + other.file, ispmail.ErrUnavailable, "the certificate of the server is not accepted"},
		"another host":              {strings.Replace(dsn, "127.0.0.1", "localhost", 1) + "?tls-ca=" + ca.file, ispmail.ErrUnavailable, "localhost"},
		"no file":                   {dsn + "?tls-ca=%2Fnowhere%2Fca.pem", nil, "ispmail: tls-ca in the DSN: open /nowhere/ca.pem: no such file"},
		"no certificate":            {dsn + "?tls-ca=%2Fdev%2Fnull", nil, "/dev/null holds no certificate in PEM"},
		"unverified":                {dsn + "?tls=skip-verify&tls-ca=" + ca.file, nil, "leave tls out, or make it tls=true"},
		"a socket":                  {"u:canary@unix(/run/mysqld/mysqld.sock)/mailserver?tls-ca=" + ca.file, nil, "a socket needs no TLS"},
		"a socket, verified":        {"u:canary@unix(/run/mysqld/mysqld.sock)/mailserver?tls=true", nil, "a socket needs no TLS"},
		"sockets":                   {"u:canary@unix(/run/mysqld/mysqld.sock),unix(/other.sock)/mailserver?tls=true", nil, "a socket needs no TLS"},
	} {
		_, err := ispmail.Open(t.Context(), test.dsn, ispmail.Config{})
		require.ErrorContains(t, err, test.want, name)
		if test.kind != nil {
			require.ErrorIs(t, err, test.kind, name)
		}
		assert.NotContains(t, err.Error(), config.Passwd, name)
		assert.NotContains(t, err.Error(), "canary", name)
	}

	db.Exec(t, "SET GLOBAL require_secure_transport = ON")
	_, err = ispmail.Open(t.Context(), dsn, ispmail.Config{})
	require.ErrorIs(t, err, ispmail.ErrDenied)
	assert.Regexp(t, "TLS|tls=true", err.Error(), "MariaDB 10.11 says 1045, and 11.8 says 3159")
	require.NoError(t, errorOf(dbtest.Open(t, dsn+"?tls-ca="+ca.file, ispmail.Config{}).User(t.Context(), "john@example.org")))
}
