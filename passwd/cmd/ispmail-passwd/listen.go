package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

// isLocal tells whether an address is for this machine alone: a loopback address, or a socket. It fails if it is
// neither host:port nor unix:/path.
func isLocal(address string) (bool, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if isUnix && path != "" && path[0] != '@' { // an abstract socket has no mode
		return true, nil
	}
	host, _, err := net.SplitHostPort(address)
	if isUnix || err != nil {
		return false, fmt.Errorf("%q is neither host:port nor unix:/path", address)
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback(), nil
}

// listen opens an address or, with the prefix "unix:", a socket with a mode.
func listen(address string, mode fs.FileMode) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return net.Listen("tcp", address)
	}
	// A socket that a killed process left behind is in the way; one that answers is in use.
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is there and not a socket", path)
		}
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("another process listens on %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// urlOf returns where a listener is, for people.
func urlOf(listener net.Listener) string {
	if listener.Addr().Network() == "unix" {
		return "unix:" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}
