package redislimits_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/redislimits"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
)

// certificate makes a certificate of 127.0.0.1, signed by itself, and the files that Redis needs.
func certificate(t *testing.T) (certificate *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	return certificate, certFile, keyFile
}

// TestTLS: with rediss:// Redis has to have a certificate of the name in the address, from an authority that is known.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	cert, certFile, keyFile := certificate(t)
	require.NoError(t, server.Client.ConfigSet(t.Context(), "port", "0").Err()) // for TLS instead
	require.NoError(t, server.Client.Do(t.Context(), "CONFIG", "SET", "tls-cert-file", certFile, "tls-key-file", keyFile,
		"tls-ca-cert-file", certFile, "tls-auth-clients", "no", "tls-port", fmt.Sprint(server.Port)).Err())
	known := x509.NewCertPool()
	known.AddCert(cert)
	for name, c := range map[string]struct {
		host  string
		trust *x509.CertPool
		want  string // in the problem
	}{
		"known":         {"127.0.0.1", known, ""},
		"another name":  {"localhost", known, "certificate is not valid for any names"},
		"not known":     {"127.0.0.1", x509.NewCertPool(), "certificate signed by unknown authority"},
		"of the system": {"127.0.0.1", nil, "certificate signed by unknown authority"},
	} {
		address, err := redislimits.ParseAddress(fmt.Sprintf("rediss://%s:%d", c.host, server.Port))
		require.NoError(t, err)
		address.Trust(c.trust)
		l := redislimits.New(redislimits.Config{Address: address, Key: []byte(key), Timeout: patience, Logger: slog.New(slog.DiscardHandler)})
		problem := l.Problem()
		if c.want == "" {
			assert.Nil(t, problem, name)
			ok, _, _ := take(t, l, bucket("john"))
			assert.True(t, ok)
		} else if assert.NotNil(t, problem, name) {
			assert.Equal(t, "Redis does not answer", problem.Reason)
			assert.Contains(t, problem.Error(), c.want, name)
		}
		require.NoError(t, l.Close())
	}
}
