package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// IsLocal reports whether only this machine can reach an address: a loopback address or a unix socket. It takes a socket of
// systemd for local, whose address is known later. It returns an error if the address is neither host:port nor unix:/path nor
// systemd:name.
func IsLocal(address string) (bool, error) {
	name, isSystemd := strings.CutPrefix(address, "systemd:")
	path, isUnix := strings.CutPrefix(address, "unix:")
	if isSystemd && name != "" || isUnix && path != "" && path[0] != '@' { // an abstract socket has no mode
		return true, nil
	}
	host, _, err := net.SplitHostPort(address)
	if isSystemd || isUnix || err != nil {
		return false, fmt.Errorf("%q is neither host:port nor unix:/path nor systemd:name", address)
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback(), nil
}

// An Address is a setting of where something listens.
type Address struct {
	Flag  string  // such as "--listen"
	Set   string  // what the setting says
	Value *string // the same, until it is replaced by the address of the listener
}

// DefaultMode is the mode of the sockets that a service opens itself.
const DefaultMode fs.FileMode = 0o660

// WarnModes says which unix sockets everybody on the machine can use, by the mode that they have, and by the one of the setting
// --socket-mode where the service opens them itself; and if that setting is about none of them.
func WarnModes(addresses []Address, mode fs.FileMode) (warnings []string) {
	own := false
	for _, a := range addresses {
		path, isUnix := strings.CutPrefix(*a.Value, "unix:")
		if !isUnix {
			continue
		}
		actual, remedy := fs.FileMode(0), "SocketMode= of its unit"
		if strings.HasPrefix(a.Set, "unix:") {
			own, actual, remedy = true, mode, "--socket-mode"
		}
		if info, err := os.Stat(path); err == nil {
			actual |= info.Mode().Perm()
		}
		const others = 0o002 // who may write may connect, see unix(7)
		switch {
		case path[0] == '@':
			warnings = append(warnings, fmt.Sprintf("%s: everybody on the machine can use the socket %s, which is no file and has no mode", a.Flag, path))
		case actual&others != 0:
			warnings = append(warnings, fmt.Sprintf("%s: everybody on the machine can use the socket %s: set %s to 0660", a.Flag, path, remedy))
		}
	}
	if !own && mode != DefaultMode {
		warnings = append(warnings, "--socket-mode has no effect: the service opens no unix:/path itself, and the sockets of systemd have SocketMode= of their units")
	}
	return warnings
}

// Sockets are the listeners that systemd passes, by their FileDescriptorName, see systemd.socket(5).
type Sockets map[string][]net.Listener

// Inherit takes over the sockets of systemd. Without systemd there are none.
func Inherit() (Sockets, error) {
	inherited, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("the sockets of systemd: %w", err)
	}
	return inherited, nil
}

// Listen opens an address. A unix socket gets the mode. A socket of systemd is open already.
func (s Sockets) Listen(address string, mode fs.FileMode) (net.Listener, error) {
	if name, isSystemd := strings.CutPrefix(address, "systemd:"); isSystemd {
		found := s[name]
		if len(found) != 1 {
			return nil, fmt.Errorf("%w %d sockets with FileDescriptorName=%s and not one (enable its socket unit, and start the service anew: systemctl list-unit-files 'ispmail-*.socket')", ErrNotPassed, len(found), name)
		}
		return found[0], nil
	}
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		listener, err := net.Listen("tcp", address)
		return listener, Wording(err)
	}
	if len(path) > longestPath {
		return nil, fmt.Errorf("the path of a socket has %d bytes at the most, and this one has %d", longestPath, len(path))
	}
	// A socket that a killed process left behind is in the way; one that answers is in use.
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, errors.New("the file is there and not a socket")
		}
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, ErrInUse
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, Wording(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// ErrInUse is the error of an address where another process listens.
var ErrInUse = errors.New("another process listens there")

// ErrNotPassed is the error of a setting that names a socket which systemd has not passed. Waiting does not help.
var ErrNotPassed = errors.New("systemd passed")

// longestPath is how many bytes the path of a unix socket may have, see unix(7).
const longestPath = 107

// wordings say for people why nothing can listen on an address. What is not here says it itself.
var wordings = map[syscall.Errno]error{
	syscall.EADDRINUSE:    ErrInUse,
	syscall.EADDRNOTAVAIL: errors.New("this machine has no such address"),
	syscall.EACCES:        errors.New("this user may not (a port below 1024, or a directory of others)"),
	syscall.ENOENT:        errors.New("its directory is not there"),
	syscall.EAFNOSUPPORT:  errors.New("this process may not (RestrictAddressFamilies= of the unit? A socket unit can open it: systemd:NAME)"),
}

// Wording returns an error of the system about an address in words for people.
func Wording(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok && wordings[number] != nil {
		return wordings[number]
	}
	return err
}

// withAdvice adds to the error of an address that is in use how to name another one.
func withAdvice(err error, address, setting string) error {
	switch {
	case !errors.Is(err, ErrInUse):
		return err
	case strings.HasPrefix(address, "unix:"):
		return fmt.Errorf("%w: stop it, or name another socket with %s", err, setting)
	default:
		return fmt.Errorf("%w: stop it, or name another port with %s (port 0 is any that is free)", err, setting)
	}
}

// AddressOf returns the address of a listener as it is written in a setting.
func AddressOf(listener net.Listener) string {
	if listener.Addr().Network() == "unix" {
		return "unix:" + listener.Addr().String()
	}
	return listener.Addr().String()
}

// URLOf returns the address of a listener as people use it.
func URLOf(listener net.Listener) string {
	address := AddressOf(listener)
	if strings.HasPrefix(address, "unix:") {
		return address
	}
	return "http://" + address
}

// ParseNetworks reads networks, and addresses as networks of one.
func ParseNetworks(texts []string) (networks []netip.Prefix, err error) {
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if address, addressErr := netip.ParseAddr(text); addressErr == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network", text)
		}
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 { // peers are compared as IPv4
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		networks = append(networks, prefix)
	}
	return networks, nil
}

// ParseMode returns the mode of a socket, such as 0660.
func ParseMode(text string) (fs.FileMode, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%q is not an octal mode like 0660", text)
	}
	return fs.FileMode(mode), nil
}
