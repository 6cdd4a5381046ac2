package redislimits

import "crypto/x509"

// Explain is explain.
var Explain = explain

// Trust replaces the authorities of the system.
func (a *Address) Trust(authorities *x509.CertPool) { a.options.TLSConfig.RootCAs = authorities }
