package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
)

// listen opens a loopback address or, with the prefix "unix:", a socket that its owner and group can use.
func listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(path)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--api-listen: %w", err)
	}
	return listener, nil
}

// validateListen tells what is wrong with the form of an address.
func validateListen(address string) error {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if isUnix && path != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if isUnix || err != nil {
		return fmt.Errorf("--api-listen: %q is neither host:port nor unix:/path", address)
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("--api-listen: %s is not a loopback address: the API knows no clients, so it must not be public", address)
	}
	return nil
}

func listenUnix(path string) (net.Listener, error) {
	// A socket that a killed process left behind is in the way; one that answers is in use.
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("--api-listen: %s is there and not a socket", path)
		}
		if conn, err := net.Dial("unix", path); err == nil {
			return nil, errors.Join(fmt.Errorf("--api-listen: another process listens on %s", path), conn.Close())
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("--api-listen: %w", err)
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("--api-listen: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the webmail is in the group
		return nil, errors.Join(fmt.Errorf("--api-listen: %w", err), listener.Close())
	}
	return listener, nil
}

// apiURL returns where the API is, for people.
func apiURL(listener net.Listener) string {
	if listener.Addr().Network() == "unix" {
		return "unix:" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}
